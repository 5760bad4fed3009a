/** The task of both sides of the bench. */
export default function noOp(value: number): number {
  return value
}
