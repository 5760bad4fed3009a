import { Buffer } from 'node:buffer'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isFiresteelError } from '../../runtime/errors.js'
import { recoveryJson, recoveryText } from '../../runtime/launch/cli/recovery-view.js'
import type { Deployment } from '../../runtime/launch/config/deployment.js'
import { readConfig } from '../../runtime/launch/config/read.js'
import { sentinelTarget, serverTarget } from '../../runtime/redis/target.js'
import { keys } from '../tools/config-keys.js'
import { mustBeAnAnswer } from './config-answer.js'
import { applyEdits, makeEdits } from './edits.js'
import type { Random } from './random.js'
import { must, type Target } from './target.js'

export interface ConfigInput {
  readonly text: string
  readonly environment: Readonly<Record<string, string>>
}

/** The config folder of the package, seen from dist/test/fuzz. */
const folder = join(import.meta.dirname, '../../../config')
const FILE = 'fuzz.yaml'
const TEXT_MAX = 16 * 1024

const values = [
  ...[
    '0',
    '-1',
    '1',
    '65535',
    '65536',
    '1e9',
    '.inf',
    '.nan',
    '~',
    'true',
    '""',
    '"x"',
    '[]',
    '{}',
    '[1]',
    '{a: 1}',
    '2.5s',
  ],
  ...[
    '1s',
    '999ms',
    '99d',
    '512m',
    '0m',
    'REDIS',
    'redis://a',
    'rediss://a/0?ca=x',
    'firesteel://a:1',
    '0.0.0.0',
    '"::1"',
  ],
  ...[
    `\${X}`,
    `"\${X}"`,
    `\${X:-1}`,
    `\${toString}`,
    '&a [*a]',
    '&b {<<: *b}',
    '*a',
    '!!set {a}',
    '!!binary aGk=',
    '!x y',
    '|\n  a',
  ],
]
const names = [...keys, '? a\n']

/** The reader of deployment files. Its inputs are the files of config/, mutated as bytes and as lines. */
export class ConfigTarget implements Target<ConfigInput> {
  readonly name = 'config'
  readonly atOnce = 1
  readonly #files = readdirSync(folder)
    .filter((name) => name.endsWith('.yaml'))
    .map((name) => readFileSync(join(folder, name)))
  readonly #read: typeof readConfig

  constructor(read: typeof readConfig = readConfig) {
    this.#read = read
  }

  generate(random: Random): ConfigInput {
    let text = random.pick(this.#files).toString()
    // Half of these files are comments. Most mutations should change something else.
    if (!random.oneIn(8)) text = text.replace(/^ *#.*\n/gm, '')
    for (let n = random.int(4); n > 0; n--) text = this.#changeLine(random, text)
    if (random.oneIn(3)) {
      text = applyEdits(Buffer.from(text), makeEdits(random, 4, this.#files)).toString(
        random.oneIn(4) ? 'latin1' : 'utf8',
      )
    }
    if (random.oneIn(50)) text = random.bytes(random.size(300)).toString('latin1')
    const environment: Record<string, string> = { FIRESTEEL_SECRET: '0123456789abcdef0123456789abcdef' }
    if (random.oneIn(3)) environment.X = random.pick(values)
    return { text: text.slice(0, TEXT_MAX), environment }
  }

  #changeLine(random: Random, text: string): string {
    const lines = text.split('\n')
    const at = random.int(lines.length)
    const line = lines[at] ?? ''
    switch (random.int(6)) {
      case 0:
        lines.splice(at, 1)
        break
      case 1:
        lines.splice(random.int(lines.length), 0, line)
        break
      case 2:
        lines[at] = ' '.repeat(random.int(6)) + line.trimStart()
        break
      case 3:
        lines[at] = line.replace(/:.*$/, `: ${random.pick(values)}`)
        break
      case 4:
        lines[at] = line.replace(/[A-Za-z_]+:/, `${random.pick(names)}:`)
        break
      default:
        lines.splice(at, 0, `${' '.repeat(2 * random.int(3))}${random.pick(names)}: ${random.pick(values)}`)
    }
    return lines.join('\n')
  }

  run(inputs: readonly ConfigInput[]): string[] {
    return inputs.map(({ text, environment }) => {
      const answer = this.#read(text, { file: FILE, folder: '/base', environment })
      mustBeAnAnswer(text, FILE, answer)
      if (answer.config) mustBeFit(answer.config)
      return answer.config ? 'a deployment' : answer.problems[0]!.code
    })
  }
}

/**
 * Checks what protocol 9 and 19 ask of a deployment, and what uses it next: its printed form and its store
 * paths.
 */
function mustBeFit(config: Deployment): void {
  const { masters, workers, recovery, scheduling, secret } = config
  must(recovery.leaseMs >= 1000, `a lease of ${recovery.leaseMs} ms`)
  must(scheduling.workerTimeoutMs >= 4 * recovery.leaseMs, 'a Worker timeout below four leases')
  must(recovery.election.length === 0 || recovery.election.length % 2 === 1, 'an even number of lock servers')
  const names = [...masters, ...workers].map(({ name }) => name)
  must(new Set(names).size === names.length, 'a name twice')
  if (secret.kind === 'value') must(Buffer.byteLength(secret.value) >= 16, 'a short secret')
  must(recoveryText(recovery).length > 0 && Object.keys(recoveryJson(recovery)).length > 0, 'nothing to show')
  try {
    for (const url of [...(recovery.redis === null ? [] : [recovery.redis]), ...recovery.election])
      serverTarget(url)
    if (recovery.sentinel) sentinelTarget(recovery.sentinel)
  } catch (error) {
    // For example, a certificate may be missing.
    if (!isFiresteelError(error)) throw error
  }
}
