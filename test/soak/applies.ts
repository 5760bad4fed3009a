import { createTestCluster, startRedis, waitUntil } from '../harness/index.js'
import { ApplyTrial } from '../tools/apply-trial.js'
import { newClient } from '../tools/load/stage.js'
import { randomFor } from './draw.js'

/*
 * `npm run soak -- --applies N`: a deployment file is edited at random N times. Each edit is applied, killed
 * in the middle, applied to its end, sometimes across a kill of the leader, and applied once more: the status
 * equals the file, and the last one has nothing to do.
 */

const MASTERS = 2
const WORKERS = 2
const CORES = 2
/** An apply of one edit takes a second or two. */
const KILL_FROM_MS = 200
const KILL_WITHIN_MS = 1_500
const LEADER_SHARE = 0.25
const PATIENCE_MS = 30_000

export interface ApplyReport {
  readonly seed: number
  readonly edits: number
  /** Applies that were killed before their end. */
  readonly killed: number
  readonly leaderKills: number
  readonly seconds: number
  /** What was not as it should be, each with its edit. */
  readonly problems: readonly string[]
}

export const isCleanApply = ({ problems }: ApplyReport): boolean => problems.length === 0

export const applyText = (report: ApplyReport): string =>
  [
    `seed ${report.seed}: ${report.edits} edits in ${report.seconds} s; ${report.killed} applies killed, ${report.leaderKills} kills of the leader`,
    `${report.problems.length} problems`,
    ...report.problems.map((problem) => `  ${problem}`),
    '',
  ].join('\n')

export async function soakApplies(
  { applies: most, seed }: { readonly applies: number; readonly seed: number },
  { say, isOver }: { readonly say: (line: string) => void; readonly isOver: () => boolean },
): Promise<ApplyReport> {
  const beganMs = performance.now()
  const redis = await startRedis()
  const shape = { masters: MASTERS, workers: WORKERS, cores: CORES, memory: '1g', redis: redis.url }
  const cluster = await createTestCluster(shape).catch(async (error: unknown) => {
    await redis.stop()
    throw error
  })
  const client = newClient(cluster)
  const random = randomFor(seed, 'fault', 1)
  const problems: string[] = []
  let edits = 0
  let killed = 0
  let leaderKills = 0
  try {
    const trial = await ApplyTrial.begin(cluster)
    while (edits < most && !isOver()) {
      const what = await trial.edit(random)
      if (await trial.applyKilled(KILL_FROM_MS + random() * KILL_WITHIN_MS)) killed++
      const applying = trial.apply()
      const leader = random() < LEADER_SHARE ? await cluster.leader() : undefined
      if (leader) {
        leaderKills++
        await cluster.kill(leader).catch(() => undefined)
      }
      const applied = await applying
      if (applied.code !== 0) problems.push(`${what}: ${applied.stderr.trim()}`)
      const equals = async () => (await trial.differences(client)).length === 0
      await waitUntil('the status to equal the file', equals, { deadlineMs: PATIENCE_MS }).catch(
        () => undefined,
      )
      for (const difference of await trial.differences(client)) problems.push(`${what}: ${difference}`)
      const again = await trial.apply()
      if (!again.stdout.includes('Nothing to do.'))
        problems.push(`${what}: a second apply: ${again.stdout.trim()} ${again.stderr.trim()}`)
      edits++
      say(
        `${edits} edits (${what}), ${killed} killed, ${leaderKills} kills of the leader, ${problems.length} problems`,
      )
    }
    const seconds = Math.round((performance.now() - beganMs) / 1000)
    return { seed, edits, killed, leaderKills, seconds, problems }
  } finally {
    await client.close()
    await cluster.stop()
    await redis.stop()
  }
}
