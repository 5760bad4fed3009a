import { FiresteelError } from '../../../errors.js'
import { ConfigRefused } from '../../config/problem.js'
import { printJson } from '../console.js'
import { recoveryJson, recoveryText } from '../recovery-view.js'
import { type AddCommand, examples } from './command.js'

interface CheckOptions {
  readonly schema?: true
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
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      examples('firesteel check cluster.yaml', 'firesteel check --schema > firesteel.schema.json'),
    )
    .action((file: string | undefined, options: CheckOptions) =>
      run(async (io) => {
        if (options.schema) {
          const { deploymentJsonSchema } = await import('../../config/issues.js')
          await io.out(`${JSON.stringify(deploymentJsonSchema(), null, 2)}\n`)
          return 0
        }
        if (file === undefined) throw new FiresteelError('USAGE', 'check needs a file, or --schema.')
        const { loadConfig } = await import('../../config/load-config.js')
        const { config, problems } = await loadConfig(file, io.cwd, io.environment)
        if (!config) throw new ConfigRefused(problems)
        const { masters, workers, recovery } = config
        if (options.json) {
          await printJson(io, {
            file,
            cluster: config.cluster,
            masters: masters.length,
            workers: workers.length,
            recovery: recoveryJson(recovery),
          })
        } else {
          await io.out(
            `${file} is valid: cluster ${config.cluster}, Masters: ${masters.length}, Workers: ${workers.length}.\n${recoveryText(recovery)}\n`,
          )
        }
        return 0
      }),
    )
}
