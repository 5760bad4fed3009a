import { type FiresteelError, isFiresteelError } from 'firesteel'

/** Prints an error as the commands do. Returns the exit code that belongs to it. */
export function printError(error: unknown, { json = false } = {}): number {
  const { code, message, help, exitCode } = isFiresteelError(error) ? error : unknown(error)
  const text = json ? JSON.stringify({ error: { code, message, help } }) : `${code}: ${message}\n  ${help}`
  process.stderr.write(`${text}\n`)
  return exitCode
}

function unknown(error: unknown): Pick<FiresteelError, 'code' | 'message' | 'help' | 'exitCode'> {
  const message = error instanceof Error ? error.message : String(error)
  return { code: 'FIRESTEEL_INTERNAL', message, help: 'See the message.', exitCode: 1 }
}
