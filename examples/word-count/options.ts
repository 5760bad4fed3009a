import { resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { FiresteelError } from 'firesteel'
import { typedPath } from './found-file.js'

export interface Options {
  /** Absolute paths. */
  readonly paths: readonly string[]
  readonly killMaster: boolean
  readonly json: boolean
  readonly help: boolean
}

export const HELP = `Counts the words of every text file under each PATH on a Firesteel cluster.

Usage: npm start [-- [OPTIONS] PATH...]
       node dist/examples/word-count/main.js [OPTIONS] [PATH...]

  PATH           file or folder; default node_modules
  --kill-master  kill the Master (-9) half-way and show that nothing is lost
  --json         print one line of JSON instead of a table
  --help         print this

Without FIRESTEEL_MASTER it starts a cluster of its own and stops it at the end;
under \`firesteel run\` or \`firesteel submit\` it uses theirs.
`

/**
 * `env.INIT_CWD` is the folder in which \`npm start\` was called, because npm changes to the package's
 * folder. Throws USAGE.
 */
export function parseOptions(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  cwd: string,
): Options {
  let parsed: ReturnType<typeof parse>
  try {
    parsed = parse(argv)
  } catch (error) {
    const message = (error as Error).message.split('. ')[0] ?? ''
    throw new FiresteelError('USAGE', `${message.replace(/\.$/, '')}.`, { help: 'Run it with --help.' })
  }
  const { values, positionals } = parsed
  const from = env.INIT_CWD || cwd
  const paths = positionals.length > 0 ? positionals : ['node_modules']
  return {
    paths: paths.map((path) => typedPath(resolve(from, path))),
    killMaster: values['kill-master'],
    json: values.json,
    help: values.help,
  }
}

const parse = (argv: readonly string[]) =>
  parseArgs({
    args: [...argv],
    allowPositionals: true,
    options: {
      'kill-master': { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', short: 'h', default: false },
    },
  })
