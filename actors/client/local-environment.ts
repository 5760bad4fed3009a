import { limits } from '../../runtime/limits.js'
import { DESCRIPTION_BYTES_MAX } from '../messages/record-size.js'

type Variables = Readonly<Record<string, string | undefined>>

/** Variables that belong to one process, or that decide how Node itself starts. */
const OWN = /^(FIRESTEEL_|NODE_OPTIONS$|NODE_CHANNEL_|NODE_UNIQUE_ID$|NODE_TEST_CONTEXT$)/
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/
/** The rest of a description needs room beside the environment. */
const BYTES_MAX = DESCRIPTION_BYTES_MAX / 2

/**
 * The environment of work on an embedded cluster, pure: that of its caller, because it is the same machine,
 * user and moment, and above it what the caller gives. What does not fit is left out, the largest first.
 */
export function localEnvironment(
  own: Variables,
  given: Readonly<Record<string, string>>,
): Record<string, string> {
  const kept = Object.entries(own).filter((pair): pair is [string, string] => mayPass(...pair))
  const bytes = ([name, value]: readonly [string, string]): number => Buffer.byteLength(name + value) + 6
  let left = BYTES_MAX
  const fits = kept
    .sort((a, b) => bytes(a) - bytes(b))
    .filter((pair) => {
      left -= bytes(pair)
      return left >= 0
    })
  return { ...Object.fromEntries(fits), ...given }
}

function mayPass(name: string, value: string | undefined): boolean {
  const isName = NAME.test(name) && name.length <= limits.nameChars && !OWN.test(name)
  return isName && value !== undefined && value.length <= limits.argumentChars && !value.includes('\0')
}
