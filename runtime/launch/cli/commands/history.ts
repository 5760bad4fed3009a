import type { DeploymentHead } from '../../../../actors/messages/deployments.js'
import { printable } from '../../../observe/printable.js'
import { printJson } from '../console.js'
import { type ClusterOptions, clusterOptions, withClient } from './cluster.js'
import { type AddCommand, examples } from './command.js'

const isoTime = (ms: number | undefined): string | null =>
  ms === undefined ? null : new Date(ms).toISOString()

const rowOf = ({ startedAtMs, endedAtMs, back, message, ...head }: DeploymentHead) => ({
  ...head,
  startedAt: isoTime(startedAtMs),
  endedAt: isoTime(endedAtMs),
  back: back ?? null,
  message: message ?? null,
})

function textOf({ number, state, startedAtMs, by, file, back, changes, message }: DeploymentHead): string {
  const of = back === undefined ? file : `${file}, as in deployment ${back}`
  const lines = [
    `${number}  ${state}  ${isoTime(startedAtMs)}  ${by}  ${of}`,
    ...(message === undefined ? [] : [`   ${message}`]),
    ...changes.map((change) => `   ${change}`),
  ]
  return lines.map((line) => `${printable(line)}\n`).join('')
}

export const addHistory: AddCommand = (program, run) => {
  clusterOptions(
    program
      .command('history')
      .description(
        'Shows what was applied, oldest first: number, state, time, by whom, file, and what changed. `firesteel apply --to N` goes back to one of them.',
      ),
  )
    .addHelpText('after', examples('firesteel history'))
    .action((options: ClusterOptions) =>
      run((io) =>
        withClient(io, options, async (client) => {
          const { deployments } = await client.request({ type: 'RequestHistory' })
          if (options.json) await printJson(io, { deployments: deployments.map(rowOf) })
          else if (deployments.length === 0) await io.out('Nothing has been applied.\n')
          else for (const deployment of deployments) await io.out(textOf(deployment))
          return 0
        }),
      ),
    )
}
