import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Child, startChild } from '../../runtime/process/child.js'
import { childEnvironment } from '../../runtime/process/environment.js'
import { runCommand } from '../harness/run-command.js'
import { waitUntil } from '../harness/wait-until.js'
import { atEnd, bin, folder, smallCluster, startUp } from '../tools/command-fixture.js'

/* `status --watch` in a real terminal: util-linux's `script` makes one. */

const ENTER = '\u001b[?1049h\u001b[?25l\u001b[?7l'
const LEAVE = '\u001b[?7h\u001b[?25h\u001b[?1049l'

class Terminal {
  readonly #child: Child
  #text = ''

  private constructor(child: Child) {
    this.#child = child
    child.stdout!.on('data', (chunk: Buffer) => {
      this.#text += chunk.toString()
    })
  }

  static async open(cwd: string, rows: number, columns: number): Promise<Terminal> {
    const watch = `${process.execPath} ${bin} status --watch`
    const command = `stty rows ${rows} cols ${columns}; echo "tty=$(tty)"; echo "before=$(stty -g)"; ${watch}; echo "code=$?"; echo "after=$(stty -g)"`
    return new Terminal(
      await startChild({
        ...{ command: 'script', args: ['-qfc', command, '/dev/null'], cwd },
        env: { ...childEnvironment(), SHELL: '/bin/sh' },
        ...{ stdin: 'pipe', stdout: 'pipe', stderr: 'inherit', ownGroup: true, followDescendants: false },
      }),
    )
  }

  stop(): Promise<unknown> {
    return this.#child.stop({ graceMs: 0 })
  }

  type(keys: string): void {
    this.#child.stdin!.write(keys)
  }

  said(name: string): string | undefined {
    return new RegExp(`${name}=([^\\r\\n]*)\\r`).exec(this.#text)?.[1]
  }

  async resize(rows: number, columns: number): Promise<void> {
    const args = ['-F', this.said('tty')!, 'rows', String(rows), 'cols', String(columns)]
    const { code, stderr } = await runCommand({ command: 'stty', args, cwd: '/', env: childEnvironment() })
    assert.equal(code, 0, stderr)
  }

  /** Each shown as its lines, without colours. */
  get frames(): string[][] {
    const [, inside = ''] = this.#text.split(ENTER)
    const [shown = ''] = inside.split(LEAVE)
    const frames = shown.split('\u001b[H').slice(1)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are taken away
    return frames.map((frame) => frame.replace(/\u001b\[[\d;]*[A-Za-z]/g, '').split(/\r+\n/))
  }

  /** What stands on the screen at the end, outside of the one that was entered. */
  get outside(): string {
    const [before = '', inside = ''] = this.#text.split(ENTER)
    return before + (inside.split(LEAVE)[1] ?? '')
  }

  /** Waits until the last frame fills a window of this size. */
  filled(rows: number): Promise<unknown> {
    return waitUntil(`a frame of ${rows} rows`, () => this.frames.at(-1)?.length === rows)
  }

  ended(): Promise<unknown> {
    return waitUntil('the end', () => this.said('after'))
  }

  /** All frames since this one are within the window. The terminal was told to cut lines that are wider. */
  requireWithin(from: number, rows: number): void {
    const frames = this.frames.slice(from)
    assert.ok(frames.length > 0)
    for (const frame of frames) assert.ok(frame.length <= rows, frame.join('\n'))
  }

  requireRestored(): void {
    assert.equal(this.#text.split(ENTER).length, 2)
    assert.equal(this.#text.split(LEAVE).length, 2)
    assert.equal(this.said('after'), this.said('before'))
    // biome-ignore lint/suspicious/noControlCharactersInRegex: exactly these must not be there
    assert.doesNotMatch(this.outside, /\u001b/)
  }
}

test('status --watch in a terminal, and where there is none', async (t) => {
  const cwd = await folder(t, { 'c.yaml': smallCluster(12) })
  const up = await startUp(t, cwd, ['c.yaml'])
  await up.ready()
  const open = async (rows: number, columns: number): Promise<Terminal> => {
    const terminal = await Terminal.open(cwd, rows, columns)
    atEnd(t, () => terminal.stop())
    await terminal.filled(rows)
    return terminal
  }

  await t.test('frames stay within the window, also when its size changes; q ends it with 0', async () => {
    const terminal = await open(24, 80)
    await waitUntil('a second frame', () => terminal.frames.length > 1)
    assert.match(terminal.frames.at(-1)!.join('\n'), /ALIVE/)
    assert.match(terminal.frames.at(-1)!.at(-1)!, /q: end/)
    terminal.requireWithin(0, 24)
    for (const line of terminal.frames.at(-1)!) assert.ok([...line].length <= 80, line)
    await terminal.resize(10, 40)
    await terminal.filled(10)
    const from = terminal.frames.findIndex(({ length }) => length === 10)
    await waitUntil('another frame', () => terminal.frames.length > from + 1)
    terminal.requireWithin(from, 10)
    terminal.type('q')
    await terminal.ended()
    assert.equal(terminal.said('code'), '0')
    terminal.requireRestored()
  })

  await t.test('a small window from the beginning, and Ctrl-C: the terminal is as it was', async () => {
    const terminal = await open(10, 40)
    terminal.requireWithin(0, 10)
    terminal.type('\u0003')
    await terminal.ended()
    assert.equal(terminal.said('code'), '130')
    terminal.requireRestored()
  })

  await t.test('elsewhere one report follows the other, until the reader goes', async () => {
    const { stdout } = await runCommand({
      command: 'sh',
      args: ['-c', '"$0" "$1" status --watch | head -n 60', process.execPath, bin],
      cwd,
      env: childEnvironment(),
    })
    assert.equal(stdout.trimEnd().split('\n').length, 60)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: exactly these must not be there
    assert.doesNotMatch(stdout, /\u001b/)
    assert.ok(stdout.split('w12').length > 2, stdout)
  })
})
