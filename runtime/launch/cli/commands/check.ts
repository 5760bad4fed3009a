import { dirname, resolve } from 'node:path'
import { FiresteelError } from '../../../errors.js'
import type { Deployment } from '../../config/deployment.js'
import type { Change } from '../../config/difference.js'
import { ConfigRefused } from '../../config/problem.js'
import { type Console, printJson } from '../console.js'
import { recoveryJson, recoveryText } from '../recovery-view.js'
import { type AddCommand, examples } from './command.js'

interface CheckOptions {
  readonly schema?: true
  readonly against?: string
  readonly json?: true
}

export const addCheck: AddCommand = (program, run) => {
  program
    .command('check')
    .argument('[file]', 'deployment file (YAML)')
    .description(
      'Checks a deployment file and lists every error with file:line:column, key, rule and nearest spelling.',
    )
    .option('--schema', 'print the JSON Schema of deployment files instead')
    .option(
      '--against <old>',
      'also list what FILE changes of this file, and what each change takes; relative paths of both begin at the folder of FILE',
    )
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      examples(
        'firesteel check cluster.yaml',
        'git show HEAD:cluster.yaml > old.yaml && firesteel check cluster.yaml --against old.yaml',
        'firesteel check --schema > firesteel.schema.json',
      ),
    )
    .action((file: string | undefined, options: CheckOptions) =>
      run(async (io) => {
        if (options.schema) {
          const { deploymentJsonSchema } = await import('../../config/issues.js')
          await io.out(`${JSON.stringify(deploymentJsonSchema(), null, 2)}\n`)
          return 0
        }
        if (file === undefined) throw new FiresteelError('USAGE', 'check needs a file, or --schema.')
        const { requireConfig } = await import('../../config/load-config.js')
        const config = await requireConfig(file, io.cwd, io.environment)
        const changes =
          options.against === undefined ? undefined : await changesOf(io, config, file, options.against)
        const { masters, workers, recovery } = config
        if (options.json) {
          await printJson(io, {
            file,
            cluster: config.cluster,
            masters: masters.length,
            workers: workers.length,
            recovery: recoveryJson(recovery),
            ...(changes && { changes }),
          })
        } else {
          await io.out(
            `${file} is valid: cluster ${config.cluster}, Masters: ${masters.length}, Workers: ${workers.length}.\n${recoveryText(recovery)}\n`,
          )
          if (changes) await io.out(await changesText(changes, options.against!))
        }
        return 0
      }),
    )
}

async function changesOf(io: Console, now: Deployment, file: string, old: string): Promise<Change[]> {
  const { loadConfig } = await import('../../config/load-config.js')
  const { deploymentDifference } = await import('../../config/difference.js')
  const { config, problems } = await loadConfig(old, io.cwd, io.environment, dirname(resolve(io.cwd, file)))
  if (!config) throw new ConfigRefused(problems)
  return deploymentDifference(config, now)
}

async function changesText(changes: readonly Change[], old: string): Promise<string> {
  if (changes.length === 0) return `Nothing is different from ${old}.\n`
  const { changeText } = await import('../difference-text.js')
  return `Different from ${old}:\n${changes.map((change) => `${changeText(change)}\n`).join('')}`
}
