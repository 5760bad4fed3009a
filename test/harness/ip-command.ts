import { runCommand } from './run-command.js'

const env = { PATH: process.env.PATH ?? '' }

/** Runs one command of iproute2 and returns its output. Rejects with its error. */
export async function ip(args: readonly string[], input?: string): Promise<string> {
  const { code, stdout, stderr } = await runCommand({
    command: 'ip',
    args,
    cwd: '/',
    env,
    timeoutMs: 10_000,
    ...(input !== undefined && { input }),
  })
  if (code === 0) return stdout
  const why = stderr.trim().split('\n')[0]
  throw new Error(`ip ${args.join(' ')}: ${why || `ended with ${code}`}`)
}

/** Runs several, one per line, in a network namespace if one is named. */
export const ipLines = (lines: readonly string[], space?: string): Promise<string> =>
  ip([...(space === undefined ? [] : ['-n', space]), '-batch', '-'], `${lines.join('\n')}\n`)
