import type { DriverDescription } from '../../actors/messages/common.js'
import { driverDescription } from '../../actors/messages/samples.js'
import { submissionKey } from '../../runtime/launch/cli/submission-key.js'
import type { FileSubmission } from '../../runtime/launch/cli/submissions.js'
import type { Random } from './random.js'

/** Which content each submission has, by its name. */
export type Contents = Readonly<Record<string, number>>

/** What of a deployment file concerns drivers. */
export interface DeploymentFile {
  readonly text: string
  readonly submissions: readonly FileSubmission[]
}

const NAMES = ['api', 'etl', 'cron'] as const
/** So few that a file is often applied again, and often changed back. */
const CONTENTS = 3

/** One has to stop on isolation, one need not, and one ends by itself and is not supervised. */
function descriptionOf(name: string, content: number): DriverDescription {
  const isJob = name === 'cron'
  return {
    ...driverDescription,
    name,
    main: '/bin/simulated',
    args: isJob ? [String(1500 * (content + 1)), '0'] : [],
    cores: 1,
    memoryMib: 64,
    resources: {},
    supervise: !isJob,
    onIsolation: name === 'api' ? 'stop' : 'run',
    env: { CONTENT: String(content) },
  }
}

export function fileOf(contents: Contents): DeploymentFile {
  const submissions = Object.entries(contents).map(([name, content]) => {
    const description = descriptionOf(name, content)
    return { name, key: submissionKey(description), description, code: undefined }
  })
  return { text: JSON.stringify(contents), submissions }
}

export const readFile = (text: string): DeploymentFile => fileOf(JSON.parse(text) as Contents)

export function drawFile(random: Random): DeploymentFile {
  const contents: Record<string, number> = {}
  for (const name of NAMES) if (random.chance(0.75)) contents[name] = random.int(CONTENTS)
  return fileOf(contents)
}
