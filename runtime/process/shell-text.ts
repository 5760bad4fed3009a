import { signalOf } from './exit-status.js'

/* What a `CommandShell` writes to its shell, and how it reads the answers. Pure. */

/** What only paths and numbers are made of needs no quotes. */
const plain = /^[A-Za-z0-9_@%+=:,./-]+$/
const QUOTE = 0x27

/** One word for a shell, whatever bytes it contains (but NUL). */
export function quoteBytes(bytes: Uint8Array): Buffer {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (plain.test(text.toString('latin1'))) return text
  const parts: Uint8Array[] = [Buffer.from("'")]
  for (let from = 0; from <= text.length; ) {
    const quote = text.indexOf(QUOTE, from)
    const end = quote === -1 ? text.length : quote
    parts.push(text.subarray(from, end))
    if (quote !== -1) parts.push(Buffer.from("'\\''"))
    from = end + 1
  }
  return Buffer.concat([...parts, Buffer.from("'")])
}

const quote = (text: string): string => quoteBytes(Buffer.from(text)).toString()

/**
 * Signals that a command may send to its whole group. The shell goes on, and its commands get the default
 * again.
 */
const CAUGHT = 'TERM INT HUP QUIT USR1 USR2 ALRM'

/**
 * The first lines. Descriptor 3 is a pipe from our process: when it ends, the watcher removes the outputs and
 * kills the whole group, itself included. Commands get neither the descriptor nor the watcher's output. The
 * answer names the watcher's pid.
 */
export function startText(token: string, folder: string): string {
  const watcher = `(trap '' ${CAUGHT}; read -r _ <&3; rm -rf ${quote(folder)}; kill -9 0)`
  return [
    `trap : ${CAUGHT}; exec 2>&1`,
    `${watcher} >/dev/null 2>&1 & exec 3<&-; echo "${token} $!"`,
    '',
  ].join('\n')
}

interface Outputs {
  readonly stdout: string
  readonly stderr: string
}

/** Runs one command by a shell of its own, and answers with its exit code. */
export const commandText = (token: string, command: Uint8Array, outputs: Outputs): Buffer =>
  inProcess(token, [Buffer.from('exec /bin/sh -c '), quoteBytes(command)], outputs)

/** The same without another shell, for what `wordOf` takes. */
export const directText = (token: string, command: Uint8Array, outputs: Outputs): Buffer =>
  inProcess(token, [command], outputs)

function inProcess(token: string, words: readonly Uint8Array[], { stdout, stderr }: Outputs): Buffer {
  const end = `) </dev/null >${quote(stdout)} 2>${quote(stderr)}; echo "${token} $?"\n`
  return Buffer.concat([Buffer.from('('), ...words, Buffer.from(end)])
}

/** Answers with what the shell knows of a word, as `command -v` prints it. The word is a plain one. */
export const wordText = (token: string, word: string): string => `command -v ${word}; echo "${token} $?"\n`

/** Makes named pipes in place of the files, and answers with 0 if they are there. */
export const pipesText = (token: string, { stdout, stderr }: Outputs): string =>
  `command -p mkfifo ${quote(stdout)} ${quote(stderr)}; echo "${token} $?"\n`

export interface ShellAnswer {
  readonly number: number
  /** What the shell said before it: that a signal ended the command, or why it did not run. */
  readonly notice: string
}

/** Undefined while the answer is not complete. */
export function readAnswer(token: string, said: string): ShellAnswer | undefined {
  const end = new RegExp(`(?:^|\\n)${token} (\\d+)\\n$`).exec(said)
  return end === null ? undefined : { number: Number(end[1]), notice: said.slice(0, end.index).trim() }
}

export interface CommandExit {
  /** Null when a signal ended it. */
  readonly code: number | null
  readonly signal: string | null
}

/**
 * A shell answers 128 + n for a signal, and for `exit` of that number. Only for a signal it has said
 * something. Undefined: the command did not run, for the reason of the notice. Shells are silent about
 * SIGINT and SIGPIPE, so these two are seen as the codes 130 and 141.
 */
export function commandExit({ number, notice }: ShellAnswer): CommandExit | undefined {
  if (notice === '') return { code: number, signal: null }
  const signal = signalOf(number)
  return signal === undefined ? undefined : { code: null, signal }
}
