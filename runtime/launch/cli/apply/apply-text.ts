import { innerLimits } from '../../../inner-limits.js'
import { printable } from '../../../observe/printable.js'
import { counted } from '../../../pages/words.js'
import { changeText } from '../difference-text.js'
import type { ApplyPlan, ApplyStep } from './apply-plan.js'

/* What an apply says. Pure. */

const nodeWords = {
  start: 'start it',
  restart: 'restart it; its work goes on',
  renew: 'stop it and start it anew, under its new address',
  stop: 'drain it, then stop it',
} as const

const submissionWords = {
  submit: 'submit it',
  replace: 'end the old content, then start the new one as the next generation',
  end: 'end it',
} as const

export function stepText(step: ApplyStep): string {
  if (step.kind === 'submission') return printable(`${step.name}: ${submissionWords[step.step]}`)
  const isMaster = step.role === 'master'
  const what = step.stays
    ? 'restart it, so that it does not stop; its work goes on'
    : isMaster && step.step === 'restart'
      ? 'restart it; it hands over before'
      : isMaster && step.step === 'stop'
        ? 'stop it'
        : nodeWords[step.step]
  return printable(`${step.node}: ${what}`)
}

/** What runs, and the file does not name. */
const leftText = ({ left }: ApplyPlan): string[] =>
  left.length === 0
    ? []
    : [
        printable(
          `${counted(left.length, 'driver')} of earlier files ${left.length === 1 ? 'goes' : 'go'} on: ${left.map(({ name, driverId }) => `${name} (${driverId})`).join(', ')}. With --prune they end.`,
        ),
      ]

const awayText = ({ away }: ApplyPlan): string[] =>
  away.length === 0
    ? []
    : [
        printable(
          `${away.join(', ')}: no launcher that runs it is linked. If it runs, it goes on; apply the file again when its launcher is back.`,
        ),
      ]

export const isEmpty = ({ changes, steps }: ApplyPlan): boolean => changes.length === 0 && steps.length === 0

export function planText(plan: ApplyPlan): string {
  const changes = plan.changes.map(changeText)
  const lines = [
    ...(changes.length > 0 ? ['What changes:', ...changes.map((line) => `  ${line}`)] : []),
    ...(plan.steps.length > 0 ? ['Steps:', ...plan.steps.map((step) => `  ${stepText(step)}`)] : []),
    ...leftText(plan),
    ...awayText(plan),
  ]
  return lines.map((line) => `${line}\n`).join('')
}

/** For the history: the first changes, each cut. */
export function changeLines({ changes }: ApplyPlan): string[] {
  const most = innerLimits.deploymentChanges
  const lines = changes.map((change) => changeText(change).slice(0, innerLimits.deploymentChangeChars))
  return lines.length <= most
    ? lines
    : [...lines.slice(0, most - 1), `and ${lines.length - most + 1} more changes`]
}

export const planJson = ({ changes, steps, left, away }: ApplyPlan) => ({
  changes: changes.map((change) => changeText(change)),
  steps: steps.map((step) =>
    step.kind === 'node'
      ? { node: step.node, role: step.role, step: step.step }
      : { submission: step.name, step: step.step },
  ),
  left: left.map(({ name, driverId }) => ({ name, id: driverId })),
  away,
})
