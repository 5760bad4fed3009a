/** Ends after so many milliseconds. */
export const nap = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))
