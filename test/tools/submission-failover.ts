import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TracedMessage } from '../../runtime/trace/merged-trace.js'
import { readTraceFile } from '../../runtime/trace/trace-file.js'
import { selected } from '../../runtime/trace/trace-selection.js'
import type { TestCluster } from '../harness/index.js'

/** A driver that tells its process id, and ends when it is told. */
const program = `import { appendFileSync, existsSync } from 'node:fs'
const [file] = process.argv.slice(2)
appendFileSync(file, process.pid + '\\n')
setInterval(() => existsSync(file + '.end') && process.exit(0), 20)
`

/** The messages that show a submission through a failover. */
export const steps = [
  ...['RequestSubmitDriver', 'SubmitDriverResponse', 'Committed', 'ElectedLeader', 'MasterChanged'],
  ...['WorkerSchedulerStateResponse', 'LaunchDriver', 'ProcessStarted', 'DriverStateChanged'],
]

export interface SubmissionThroughFailover {
  readonly driverId: string
  /** The whole recorded trace. */
  readonly file: string
  readonly messages: readonly TracedMessage[]
  /** What the driver has to do with. */
  readonly ofDriver: readonly TracedMessage[]
}

const isEndOf = ({ message, payload }: TracedMessage, driverId: string): boolean =>
  message === 'DriverStateChanged' && JSON.stringify(payload ?? '').includes(driverId)

/**
 * A driver is submitted and waits, because another has the only core. The leader is frozen, the other driver
 * ends, and a new leader launches the one that waited. Then the old leader goes on, so that its ring is there
 * as well, and the driver ends.
 */
export async function submissionThroughFailover(cluster: TestCluster): Promise<SubmissionThroughFailover> {
  const places = join(cluster.directory, 'places')
  const main = join(cluster.directory, 'job.mjs')
  const lines = async (): Promise<string[]> =>
    (await readFile(places, 'utf8').catch(() => '')).split('\n').filter(Boolean)
  const submit = async (name: string): Promise<string> => {
    const { code, stdout, stderr } = await cluster.cli([
      ...['submit', '--json', '--name', name, '--memory', '64m', main, places],
    ])
    if (code !== 0) throw new Error(`submit ended with ${code}: ${stderr}`)
    return (JSON.parse(stdout) as { id: string }).id
  }
  await writeFile(main, program)
  const leader = await cluster.waitAlive({ standbys: 1 })
  await submit('before')
  const [first] = await cluster.waitUntil('the first driver', async () => {
    const said = await lines()
    return said.length > 0 ? said : undefined
  })
  const driverId = await submit('etl')
  await cluster.freeze(leader)
  process.kill(Number(first), 'SIGKILL')
  await cluster.waitUntil('the driver that waited', async () => (await lines()).length === 2, {
    deadlineMs: 60_000,
  })
  await writeFile(`${places}.end`, '')
  cluster.thaw(leader)
  await cluster.waitAlive({ standbys: 1 })
  const file = join(cluster.directory, 'failover.trace')
  const messages = await cluster.waitUntil('all steps in the rings', async () => {
    const { code, stderr } = await cluster.cli(['trace', 'record', file])
    if (code !== 0) throw new Error(`trace record ended with ${code}: ${stderr}`)
    const recorded = readTraceFile(await readFile(file, 'utf8'), file).messages
    const told = selected(recorded, { driver: driverId })
    const isWhole = steps.every((type) => told.some(({ message }) => message === type))
    return isWhole && told.some((each) => isEndOf(each, driverId)) ? recorded : undefined
  })
  return { driverId, file, messages, ofDriver: selected(messages, { driver: driverId }) }
}
