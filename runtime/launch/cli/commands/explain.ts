import type { MasterClient } from '../../../../actors/client/master-client.js'
import { kindOf, meantId } from '../../../../actors/client/resolve-id.js'
import type { MasterStateResponse } from '../../../../actors/messages/status.js'
import { type ErrorName, errorCodes, errorNameOf, FiresteelError, isFiresteelError } from '../../../errors.js'
import { nearestWord } from '../../../nearest.js'
import { type Console, printJson } from '../console.js'
import { codeJson, codeText, explanationJson, explanationOf, explanationText } from '../explain-view.js'
import { PAPER } from '../status-list.js'
import { type ClusterOptions, clusterOptions, withClient } from './cluster.js'
import { type AddCommand, examples } from './command.js'
import { intOption } from './options.js'

const PREFIX = 'FIRESTEEL_'
interface ExplainOptions extends ClusterOptions {
  readonly replay?: string
  readonly to?: number
}

type Explanation = NonNullable<ReturnType<typeof explanationOf>>

/** As codes are written, in capitals or not. */
const CODE = /^[a-z]+(_[a-z]+)*$/i

/**
 * The code that is meant; undefined: this is none. Throws UNKNOWN_ID for what can only be a code and is none.
 * A driver may be named as a code is, so without the prefix only capitals or an underscore mean a code.
 */
export function codeOf(text: string): ErrorName | undefined {
  const capitals = text.toUpperCase()
  if (!CODE.test(text) || (text !== capitals && !text.includes('_'))) return undefined
  const name = errorNameOf(capitals)
  if (name !== undefined || !capitals.startsWith(PREFIX)) return name
  const nearest = nearestCode(capitals)
  const help = nearest === undefined ? 'docs/errors.md has all codes.' : `Did you mean ${nearest}?`
  throw new FiresteelError('UNKNOWN_ID', `There is no error code ${text}.`, { help })
}

/** The code that a misspelt one is nearest to. */
function nearestCode(text: string): string | undefined {
  const name = nearestWord(text.toUpperCase().replace(PREFIX, ''), Object.keys(errorCodes))
  return name === undefined ? undefined : PREFIX + name
}

/** Runs a look-up. What is unknown may be a misspelt code, which needs no cluster. */
async function orNearestCode(text: string, lookUp: Promise<number>): Promise<number> {
  try {
    return await lookUp
  } catch (error) {
    const isUnknown = ['UNKNOWN_ID', 'SECRET_MISSING', 'NO_MASTER'].some((code) =>
      isFiresteelError(error, code as ErrorName),
    )
    const nearest = isUnknown && text.includes('_') ? nearestCode(text) : undefined
    if (nearest === undefined) throw error
    const why = `There is no error code ${JSON.stringify(text)}, and nothing else of this name is known.`
    throw new FiresteelError('UNKNOWN_ID', why, { help: `Did you mean ${nearest}?`, cause: error })
  }
}

const columnsOf = (io: Console): number => (io.window() ?? PAPER).columns

async function explainCode(io: Console, name: ErrorName, { json }: ClusterOptions): Promise<number> {
  if (json) await printJson(io, codeJson(name))
  else await io.out(codeText(name, columnsOf(io)))
  return 0
}

/** Without a leader nobody knows what waits, and that is why it waits. */
async function ask(client: MasterClient, of: string, absent: unknown): Promise<MasterStateResponse> {
  try {
    return await client.request({ type: 'RequestMasterState', of, explain: true })
  } catch (error) {
    // Where no cluster is up at all, nothing goes on either.
    if (!isFiresteelError(error, 'NO_MASTER') || absent !== undefined) throw error
    throw new FiresteelError(
      'NO_MASTER',
      `No Master leads, so nothing that waits is started; what runs goes on. ${error.message}`,
      { help: error.help, cause: error },
    )
  }
}

/** An executor is explained with its application. */
const explainedBy = (text: string): string => text.replace(/^(app-.+)\/\d+$/, '$1')

async function print(io: Console, found: Explanation, { json }: ExplainOptions): Promise<number> {
  if (json) await printJson(io, explanationJson(found))
  else await io.out(explanationText(found.shown, columnsOf(io)))
  return 0
}

async function explainRecorded(io: Console, text: string, options: ExplainOptions): Promise<number> {
  const { replay, to } = options
  if (replay === undefined) throw new FiresteelError('USAGE', '--to goes with --replay.')
  const { recordedExplanation } = await import('../explain-recorded.js')
  const found = await recordedExplanation(io, explainedBy(text), { replay, ...(to !== undefined && { to }) })
  return print(io, found, options)
}

async function explainThing(io: Console, text: string, options: ExplainOptions): Promise<number> {
  return withClient(io, options, async (client, { absent }) => {
    const of = explainedBy(text)
    const state = await ask(client, of, absent)
    const id = meantId(state, of)
    const found = explanationOf(state, Date.now())
    if (id === undefined || !found) {
      // The leader can tell an unknown id from a submission that the store lost.
      if (kindOf(of) === 'driver') await client.request({ type: 'RequestDriverStatus', driverId: of })
      throw new FiresteelError('UNKNOWN_ID', `No application, driver or Worker is ${JSON.stringify(text)}.`)
    }
    return print(io, found, options)
  })
}

export const addExplain: AddCommand = (program, run) => {
  clusterOptions(
    program
      .command('explain')
      .argument(
        '<id>',
        'a driver, application or Worker, by its id, its name or the beginning of its id; or an error code, which needs no cluster',
      )
      .description(
        'Says why a driver or application waits, what would help, what happened to it and how it ended; why a Worker is given no work; or what an error code means.',
      ),
  )
    .addHelpText(
      'after',
      examples(
        'firesteel explain etl',
        'firesteel explain app-2026',
        'firesteel explain FIRESTEEL_NO_MASTER',
        'firesteel explain etl --replay recordings/firesteel-m1/segment-000007.jsonl --to 4711',
      ),
    )
    .option(
      '--replay <segment>',
      'as a Master knew it that recorded this segment (tracing.record), without a cluster',
    )
    .option('--to <input>', 'with --replay: after this input; otherwise after the last one', intOption(1))
    .action((text: string, options: ExplainOptions) =>
      run((io) => {
        if (options.replay !== undefined || options.to !== undefined)
          return explainRecorded(io, text, options)
        const code = codeOf(text)
        if (code !== undefined) return explainCode(io, code, options)
        return orNearestCode(text, explainThing(io, text, options))
      }),
    )
}
