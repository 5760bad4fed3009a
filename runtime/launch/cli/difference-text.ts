import { printable } from '../../observe/printable.js'
import type { Change, Step } from '../config/difference.js'

const SIGNS: Readonly<Record<Change['change'], string>> = { added: '+', changed: '~', removed: '-' }

const steps: Readonly<Record<Step, (nodes: string, change: Change) => string>> = {
  start: () => 'start it',
  stop: (_, { key }) => (key.startsWith('workers.') ? 'drain it, then stop it' : 'stop it'),
  restart: (nodes) => `restart ${nodes}, one after the other`,
  together: (nodes) => `stop ${nodes} before the first of them starts again`,
  submit: () => 'submit it',
  replace: () => 'end the old content, then start the new one as the next generation',
  end: () => 'end it',
  never: () => 'this cannot change',
}

/** One line for people: what is different, and what it takes. */
export function changeText(change: Change): string {
  const { key, keys, step, nodes, why } = change
  const which = keys === undefined ? '' : ` (${keys.join(', ')})`
  const ofNodes = ['restart', 'together'].includes(step)
  const what =
    ofNodes && nodes.length === 0 ? 'no node of both files uses it' : steps[step](nodes.join(', '), change)
  return printable(`${SIGNS[change.change]} ${key}${which}: ${what}${why === undefined ? '' : `: ${why}`}`)
}
