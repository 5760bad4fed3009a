import { mkdir, writeFile } from 'node:fs/promises'
import { sequenceSvg } from '../../runtime/trace/sequence-svg.js'
import { createTestCluster, startRedis } from '../harness/index.js'
import { steps, submissionThroughFailover } from './submission-failover.js'

/* `npm run diagram`: docs/pictures/submission-failover.svg, of a real run of two Masters and a Worker. */

const FOLDER = 'docs/pictures'
const redis = await startRedis()
try {
  await using cluster = await createTestCluster({ masters: 2, workers: 1, cores: 1, redis: redis.url })
  const { driverId, ofDriver } = await submissionThroughFailover(cluster)
  const isOurs = ({ payload }: { payload?: unknown }) => JSON.stringify(payload ?? '').includes(driverId)
  const shown = ofDriver.filter(
    (each) => steps.includes(each.message) && (each.message !== 'Committed' || isOurs(each)),
  )
  await mkdir(FOLDER, { recursive: true })
  await writeFile(
    `${FOLDER}/submission-failover.svg`,
    sequenceSvg(shown, { title: 'A submission through a failover', isFile: true }),
  )
} finally {
  await redis.stop()
}
