/** A task of `bad-starts.test.ts`. */
export async function double(n: number): Promise<number> {
  return 2 * n
}
