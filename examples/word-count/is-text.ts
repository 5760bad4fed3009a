/** How many bytes of a file are examined. */
export const TEXT_PROBE_BYTES = 8 * 1024

/** False for names that are never counted: source maps repeat the text of other files. */
export const isCountedName = (name: string): boolean => !name.endsWith('.map')

/** `head`: the first 8 KiB of the file, or all of it. */
export const isText = (head: Buffer): boolean => !head.subarray(0, TEXT_PROBE_BYTES).includes(0)
