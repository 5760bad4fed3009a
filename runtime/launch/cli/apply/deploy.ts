import type { MasterClient } from '../../../../actors/client/master-client.js'
import type { BeginDeployment } from '../../../../actors/messages/deployments.js'
import { FiresteelError, isFiresteelError, reasonOf } from '../../../errors.js'
import { innerLimits } from '../../../inner-limits.js'
import { changeText } from '../difference-text.js'
import type { ApplyPlan } from './apply-plan.js'
import { isEmpty } from './apply-text.js'
import type { Survey } from './survey.js'

/* The course of one deployment from its beginning to its end. The simulator takes it too. */

type Plans = Pick<Survey, 'plan' | 'state'>

export interface DeployParts<S extends Plans> {
  readonly client: MasterClient
  readonly signal: AbortSignal
  /** What there is, and what it takes. */
  readonly look: () => Promise<S>
  /** Shows what it takes. False: that is all. */
  readonly goesOn: (shown: S) => Promise<boolean>
  readonly begin: (shown: S) => Omit<BeginDeployment, 'type'>
  readonly carryOut: (survey: S, number: number) => Promise<void>
}

/**
 * One that was cut off is taken to its end, even if all of its steps are done. Another file takes its place,
 * so that nobody believes it still at work.
 */
export const hasNothingToDo = ({ plan, state: { deployment } }: Plans): boolean =>
  isEmpty(plan) && deployment?.state !== 'APPLYING'

/** Throws APPLY_REFUSED or LAUNCHER_AWAY, before anything is done. */
export function requirePossible({ refused, homeless }: ApplyPlan): void {
  if (refused.length > 0)
    throw new FiresteelError('APPLY_REFUSED', `Nothing was done. ${refused.map(changeText).join('. ')}.`)
  if (homeless.length === 0) return
  const names = homeless.map(({ name, host }) => `${name} (${host})`).join(', ')
  throw new FiresteelError('LAUNCHER_AWAY', `Nothing was done, because no launcher would start ${names}.`, {
    help: 'Run `firesteel up FILE` with the new file on these machines first.',
  })
}

/**
 * Resolves with its number once it is applied, or with undefined if it does not go on. What cannot be done
 * ends it FAILED, so that the history says why. Of what was cut off nothing is said.
 */
export async function deploy<S extends Plans>(parts: DeployParts<S>): Promise<number | undefined> {
  const { client, signal, look, goesOn, begin, carryOut } = parts
  const shown = await look()
  if (!(await goesOn(shown))) return undefined
  const { number } = await client.request({ type: 'BeginDeployment', ...begin(shown) }, { signal })
  try {
    // An apply that was cut off meanwhile may have gone on after the first look. From here on nobody else
    // changes anything, so that what is seen now holds.
    const held = await look()
    requirePossible(held.plan)
    await carryOut(held, number)
  } catch (error) {
    const isOurs = !signal.aborted && !isFiresteelError(error, 'APPLY_OVERTAKEN')
    const message = reasonOf(error).slice(0, innerLimits.orderMessageChars)
    // The first error is the one that counts.
    if (isOurs)
      await client.request({ type: 'EndDeployment', number, state: 'FAILED', message }).catch(() => undefined)
    throw error
  }
  await client.request({ type: 'EndDeployment', number, state: 'APPLIED' }, { signal })
  return number
}
