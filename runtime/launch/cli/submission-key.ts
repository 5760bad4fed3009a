import { createHash } from 'node:crypto'
import type { DriverDescription } from '../../../actors/messages/common.js'
import { innerLimits } from '../../inner-limits.js'

/*
 * The key of a submission of a deployment file: `deployment/NAME/DIGEST`, and `.CODE` where its code travels.
 * The code is beside the digest, because whether it travels is a matter of the cluster and not of the file.
 */

const CODE_CHARS = innerLimits.codeKeyChars
const DIGEST_CHARS = CODE_CHARS

export function submissionKey({ code, ...description }: DriverDescription): string {
  const digest = createHash('sha256').update(JSON.stringify(description)).digest('hex').slice(0, DIGEST_CHARS)
  const travels = code ? `.${code.id.slice(0, CODE_CHARS)}` : ''
  return `deployment/${description.name}/${digest}${travels}`
}

/** True: the one driver is what the other key asks for. */
export function sameContent(one: string, other: string): boolean {
  const [base, code] = parts(one)
  const [otherBase, otherCode] = parts(other)
  return base === otherBase && (code === undefined || otherCode === undefined || code === otherCode)
}

/** Names may hold a full stop, digests do not. */
function parts(key: string): readonly [base: string, code: string | undefined] {
  const at = key.indexOf('.', key.lastIndexOf('/'))
  return at < 0 ? [key, undefined] : [key.slice(0, at), key.slice(at + 1)]
}

/** All keys under which a driver of this content may have ended. */
export const keysToAsk = (key: string): string[] => [...new Set([key, parts(key)[0]])]
