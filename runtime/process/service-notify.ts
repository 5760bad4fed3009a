import { execFile } from 'node:child_process'
import { reasonOf, systemCodeOf } from '../errors.js'
import { innerLimits } from '../inner-limits.js'
import { printable } from '../observe/printable.js'

/*
 * What this process tells the supervisor that started it, by the protocol of sd_notify(3). Node has no
 * datagram sockets of the file system, so systemd's own `systemd-notify` sends it. That is another process
 * than the unit's main one, so a unit needs `NotifyAccess=all`.
 */

export interface ServiceNotify {
  /** It serves. The start of its unit is done. */
  ready(status: string): void
  /** What it does, for people: `systemctl status` shows it. */
  status(text: string): void
  /** It has begun to stop. */
  stopping(): void
  /** Resolves when all of this has been told, or could not be. */
  readonly told: Promise<void>
}

export interface ServiceNotifyOptions {
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Gets one sentence if the supervisor cannot be told. */
  readonly warn: (text: string) => void
  /** Default: `systemd-notify` of PATH. */
  readonly program?: string
}

/** Without NOTIFY_SOCKET in the environment nobody waits for it, and it does nothing. */
export function serviceNotify({
  environment,
  warn,
  program = 'systemd-notify',
}: ServiceNotifyOptions): ServiceNotify {
  const { NOTIFY_SOCKET: socket, PATH } = environment
  let last: Promise<void> = Promise.resolve()
  let warned = false
  const complain = (error: Error): void => {
    if (warned) return
    warned = true
    const why =
      systemCodeOf(error) === 'ENOENT' ? `there is no ${program} on PATH` : reasonOf(error).split('\n')[0]
    warn(`The supervisor of this process (NOTIFY_SOCKET) cannot be told that it is ready: ${why}.`)
  }
  const send = (...lines: string[]): void => {
    if (!socket) return
    const env = { NOTIFY_SOCKET: socket, ...(PATH !== undefined && { PATH }) }
    const options = { env, timeout: innerLimits.serviceNotifyMs }
    // One after the other: STOPPING=1 must not overtake READY=1.
    last = last.then(
      () =>
        new Promise((resolve) => {
          execFile(program, lines, options, (error) => {
            if (error) complain(error)
            resolve()
          })
        }),
    )
  }
  return {
    ready: (status) => send('READY=1', statusLine(status)),
    status: (text) => send(statusLine(text)),
    stopping: () => send('STOPPING=1', statusLine('Stopping')),
    get told() {
      return last
    },
  }
}

/** Each variable is one line, whatever is in the text. */
const statusLine = (text: string): string => `STATUS=${printable(text)}`
