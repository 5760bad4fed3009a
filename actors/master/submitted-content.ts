import type { DriverRecord } from './records.js'

/** What a key stands for: the description, and the program where its submitter said it (protocol 15). */
export type SubmittedContent = Pick<DriverRecord, 'digest' | 'program'>

/** For a record that has the same content. */
export const contentOf = ({ digest, program }: SubmittedContent): SubmittedContent =>
  program === undefined ? { digest } : { digest, program }

/** How the one differs from the other. An earlier release says nothing of the program. */
export function differenceOf(
  known: SubmittedContent,
  asked: SubmittedContent,
): 'content' | 'program' | undefined {
  if (known.digest !== asked.digest) return 'content'
  const isSaid = known.program !== undefined && asked.program !== undefined
  return isSaid && known.program !== asked.program ? 'program' : undefined
}
