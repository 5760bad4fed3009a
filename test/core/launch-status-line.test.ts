import assert from 'node:assert/strict'
import { test } from 'node:test'
import { StatusLine } from '../../runtime/launch/cli/status-line.js'

/** What a terminal shows. It has so few rows that it scrolls. */
class Screen {
  readonly #rows = 3
  #lines = ['']
  #column = 0
  readonly scrolled: string[] = []

  write(text: string): void {
    for (let at = 0; at < text.length; at++) {
      const last = this.#lines.length - 1
      if (text.startsWith('\u001b[K', at)) {
        this.#lines[last] = (this.#lines[last] ?? '').slice(0, this.#column)
        at += 2
      } else if (text[at] === '\r') this.#column = 0
      else if (text[at] === '\n') {
        this.#lines.push('')
        this.#column = 0
        if (this.#lines.length > this.#rows) this.scrolled.push(this.#lines.shift() ?? '')
      } else {
        assert.ok((text[at] ?? '') >= ' ', 'it moves no cursor')
        const line = this.#lines[last] ?? ''
        this.#lines[last] = line.slice(0, this.#column) + text[at] + line.slice(this.#column + 1)
        this.#column++
      }
    }
  }

  get text(): string {
    return [...this.scrolled, ...this.#lines].join('\n')
  }
}

function bench(stdoutIsTerminal = true) {
  const screen = new Screen()
  const elsewhere: string[] = []
  const onScreen = async (text: string | Uint8Array): Promise<void> =>
    screen.write(Buffer.from(text as string).toString())
  const line = new StatusLine(
    {
      out: stdoutIsTerminal ? onScreen : async (text) => void elsewhere.push(String(text)),
      err: onScreen,
      window: () => (stdoutIsTerminal ? { columns: 20, rows: 3 } : undefined),
    },
    () => 20,
  )
  return { screen, elsewhere, line }
}

test('a status line is below all that is printed, and leaves nothing of itself or of them', async () => {
  const { screen, line } = bench()
  for (let number = 1; number <= 6; number++) {
    await line.show(`${number} of 6`)
    await line.show(`${number} of 6`)
    await line.out(`out ${number}\n`)
    await line.err('err\n')
    await line.show(`${number} done`)
    assert.ok(screen.text.endsWith(`err\n${number} done`))
  }
  await line.hide()
  await line.hide()
  assert.equal(screen.text, [1, 2, 3, 4, 5, 6].map((number) => `out ${number}\nerr\n`).join(''))
})

test('output without a line end keeps its place: no status is drawn over it', async () => {
  const { screen, line } = bench()
  await line.show('0 of 2')
  await line.out('half a ')
  await line.show('1 of 2')
  await line.out(Buffer.from('line'))
  assert.equal(screen.text, 'half a line')
  await line.out('\n')
  await line.show('2 of 2')
  assert.equal(screen.text, 'half a line\n2 of 2')
})

test('it has one row of the terminal, and only what the terminal shows matters to it', async () => {
  const { screen, line, elsewhere } = bench(false)
  await line.show('x'.repeat(100))
  assert.equal(screen.text, 'x'.repeat(19))
  await line.out('no line end')
  await line.show('more')
  assert.equal(screen.text, 'more')
  assert.deepEqual(elsewhere, ['no line end'])
})
