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

/** As codes are written. A driver or application may be named so too, but then its id explains it. */
const CODE = /^(FIRESTEEL_)?[A-Z]+(_[A-Z]+)*$/

/** The code that is meant; undefined: this is none. Throws UNKNOWN_ID for a code that does not exist. */
function codeOf(text: string): ErrorName | undefined {
  if (!CODE.test(text)) return undefined
  const name = errorNameOf(text)
  if (name !== undefined || !text.startsWith('FIRESTEEL_')) return name
  const codes = Object.keys(errorCodes).map((code) => `FIRESTEEL_${code}`)
  const nearest = nearestWord(text, codes)
  const help = nearest === undefined ? 'docs/errors.md has all codes.' : `Did you mean ${nearest}?`
  throw new FiresteelError('UNKNOWN_ID', `There is no error code ${text}.`, { help })
}

const columnsOf = (io: Console): number => (io.window() ?? PAPER).columns

async function explainCode(io: Console, name: ErrorName, { json }: ClusterOptions): Promise<number> {
  if (json) await printJson(io, codeJson(name))
  else await io.out(codeText(name, columnsOf(io)))
  return 0
}

/** Without a leader nobody knows what waits, and that is why it waits. */
async function ask(client: MasterClient, of: string): Promise<MasterStateResponse> {
  try {
    return await client.request({ type: 'RequestMasterState', of, explain: true })
  } catch (error) {
    if (!isFiresteelError(error, 'NO_MASTER')) throw error
    throw new FiresteelError(
      'NO_MASTER',
      `No Master leads, so nothing that waits is started; what runs goes on. ${error.message}`,
      { help: error.help, cause: error },
    )
  }
}

async function explainThing(io: Console, text: string, options: ClusterOptions): Promise<number> {
  return withClient(io, options, async (client) => {
    // An executor is explained with its application.
    const of = text.replace(/^(app-.+)\/\d+$/, '$1')
    const state = await ask(client, of)
    const id = meantId(state, of)
    const found = explanationOf(state, Date.now())
    if (id === undefined || !found) {
      // The leader can tell an unknown id from a submission that the store lost.
      if (kindOf(of) === 'driver') await client.request({ type: 'RequestDriverStatus', driverId: of })
      throw new FiresteelError('UNKNOWN_ID', `No application, driver or Worker is ${JSON.stringify(text)}.`)
    }
    if (options.json) await printJson(io, explanationJson(found))
    else await io.out(explanationText(found.shown, columnsOf(io)))
    return 0
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
      ),
    )
    .action((text: string, options: ClusterOptions) =>
      run((io) => {
        const code = codeOf(text)
        return code === undefined ? explainThing(io, text, options) : explainCode(io, code, options)
      }),
    )
}
