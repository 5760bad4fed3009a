/*
 * The code blocks of a page, as a reader would use them from top to bottom. Pure: text in, blocks out.
 *
 *     ```js, ```yaml    a file; its first line is a comment that names it
 *     ```sh             commands
 *     ```text           what the commands above have printed
 *
 * `<!-- in a checkout -->` above a block says that it does not belong into a project of a reader.
 */

export interface FileBlock {
  readonly kind: 'file'
  readonly line: number
  readonly name: string
  readonly text: string
}

export interface CommandsBlock {
  readonly kind: 'commands'
  readonly line: number
  readonly text: string
  /** What they print, if the page says so. */
  readonly output?: string
}

export type PageBlock = FileBlock | CommandsBlock

interface Fence {
  readonly line: number
  readonly language: string
  readonly text: string
  readonly isOfCheckout: boolean
}

function fencesOf(page: string): Fence[] {
  return [...page.matchAll(/(<!-- in a checkout -->\n)?^```(\w*)\n([\s\S]*?)^```$/gm)].map(
    ({ index, 1: checkout, 2: language = '', 3: text = '' }) => ({
      line: page.slice(0, index).split('\n').length,
      language,
      text,
      isOfCheckout: checkout !== undefined,
    }),
  )
}

function fileOf({ line, text }: Fence): FileBlock {
  const name = /^(?:\/\/|#) (\S+\.\w+)\n/.exec(text)?.[1]
  if (name === undefined) throw new Error(`line ${line}: the first line of the block must name its file`)
  return { kind: 'file', line, name, text }
}

/** What the page says to do in a checkout of the project. */
export const checkoutBlocksOf = (page: string): string[] =>
  fencesOf(page)
    .filter(({ isOfCheckout }) => isOfCheckout)
    .map(({ text }) => text)

/** Every block of a page in its order. Throws for a block that a reader could not use. */
export function blocksOf(page: string): PageBlock[] {
  const blocks: PageBlock[] = []
  for (const fence of fencesOf(page)) {
    if (fence.isOfCheckout) continue
    const { line, language, text } = fence
    const last = blocks.at(-1)
    if (language === 'js' || language === 'yaml') blocks.push(fileOf(fence))
    else if (language === 'sh') blocks.push({ kind: 'commands', line, text })
    else if (language === 'text' && last?.kind === 'commands') blocks.splice(-1, 1, { ...last, output: text })
    else throw new Error(`line ${line}: a block of the language '${language}' is not run`)
  }
  return blocks
}

/** Ids, times, ages, ports and the width of columns differ from run to run. */
const shapeOf = (line: string): string =>
  line
    .replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{16}/g, 'ID')
    .replaceAll(/:\d{5}\b/g, ':PORT')
    .replaceAll(/:707[012]\b/g, ':MASTER')
    .replaceAll(/\b10\.0\.0\.\d\b/g, 'HOST')
    .replaceAll(/\b\d{14}\b/g, 'TIME')
    .replaceAll(/process \d+/g, 'process N')
    .replaceAll(/\bw\d(-ID)?\b/g, 'WORKER')
    .replaceAll(/ \d+[smhd](?= )/g, ' AGE')
    .replaceAll(/\s+/g, ' ')
    .trim()

const linesOf = (text: string): string[] =>
  text
    .split('\n')
    .map(shapeOf)
    .filter((line) => line !== '')

/**
 * What a page says was printed, and was not; `...` stands for any lines. Which Master leads is left to
 * chance.
 */
export function missingLines(expected: string, printed: string): string[] {
  const rest = linesOf(printed)
  const missing: string[] = []
  for (const line of linesOf(expected).filter((text) => text !== '...')) {
    const at = rest.indexOf(line)
    if (at < 0) missing.push(line)
    else rest.splice(at, 1)
  }
  const isWhole = !/^\.\.\.$/m.test(expected)
  return isWhole ? [...missing, ...rest.map((line) => `not on the page: ${line}`)] : missing
}
