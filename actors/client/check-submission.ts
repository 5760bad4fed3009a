import { protoKeyPath, protoKeyRule } from '../../runtime/proto-key.js'
import type { DriverDescription } from '../messages/common.js'
import { requestSubmitDriver } from '../messages/drivers.js'
import { oversizeOf } from '../messages/record-size.js'

/**
 * Why a Master would refuse a submission. The check uses the Master's own schema and sizes, before anything
 * is sent.
 */
export interface SubmissionProblem {
  readonly code: 'REQUEST_INVALID' | 'RECORD_TOO_LARGE'
  /** Path of the field: `['key']`, or one in the description, such as `['args', 3]`. */
  readonly path: readonly (string | number)[]
  /** Continues a sentence that begins with the name of the field; it has no full stop. */
  readonly rule: string
}

export function submissionProblem(
  key: string,
  description: DriverDescription,
): SubmissionProblem | undefined {
  const proto = protoKeyPath(description)
  if (proto) return { code: 'REQUEST_INVALID', path: proto, rule: protoKeyRule }
  const parsed = requestSubmitDriver.safeParse({ type: 'RequestSubmitDriver', key, description })
  const issue = parsed.error?.issues[0]
  if (issue) {
    const [first, ...inner] = issue.path as (string | number)[]
    const path = first === 'description' ? inner : [first ?? '']
    return { code: 'REQUEST_INVALID', path, rule: ruleOf(issue as Issue) }
  }
  const oversize = oversizeOf(description)
  return oversize && { code: 'RECORD_TOO_LARGE', path: [oversize.field], rule: oversize.rule }
}

interface Issue {
  readonly code: string
  readonly message: string
  readonly origin?: string
  readonly maximum?: number | bigint
  readonly minimum?: number | bigint
}

const units: Readonly<Record<string, string>> = { string: 'characters', array: 'items' }

function ruleOf({ code, message, origin = '', maximum, minimum }: Issue): string {
  const unit = units[origin]
  const verb = unit ? 'must have' : 'must be'
  if (code === 'too_big') return `${verb} at most ${maximum}${unit ? ` ${unit}` : ''}`
  if (code === 'too_small') return `${verb} at least ${minimum}${unit ? ` ${unit}` : ''}`
  return message.startsWith('must ') ? message : `is not acceptable: ${message}`
}
