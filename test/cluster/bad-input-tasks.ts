export const notAFunction = 42

export function large(bytes: number): Uint8Array {
  return new Uint8Array(bytes)
}

export function closure(): unknown {
  return { items: [1, () => 2] }
}

export const fine = (n: number): number => n + 1
