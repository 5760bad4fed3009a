import { FiresteelError } from '../../errors.js'
import { describeRange, isWithin } from '../../version-range.js'
import type { NodeSpec } from './node-spec.js'

/**
 * Versions of what a launcher and its nodes say to each other that this release speaks. A launcher may be of
 * the release before its node, or after it (`upgrade`). What is new in a version that is not new itself may
 * be absent.
 */
export const nodePipe = { min: 1, max: 1 } as const

/** A specification as a launcher sends it. */
export type SentSpec = NodeSpec & { readonly pipe: number }

export const sentSpec = (spec: NodeSpec): SentSpec => ({ ...spec, pipe: nodePipe.max })

/** Throws VERSION_UNSUPPORTED. */
export function readSpec(sent: unknown): NodeSpec {
  const { pipe = nodePipe.min, ...spec } = sent as Partial<SentSpec>
  if (isWithin(nodePipe, pipe)) return spec as NodeSpec
  throw new FiresteelError(
    'VERSION_UNSUPPORTED',
    `The launcher of this node speaks version ${pipe} of their pipe, and this release ${describeRange(nodePipe)}.`,
    { help: 'Run a launcher of this release: `firesteel up --replace`.' },
  )
}
