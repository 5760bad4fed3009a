export async function double(n: number): Promise<number> {
  return 2 * n
}

export async function fail(): Promise<never> {
  throw new Error('as planned')
}
