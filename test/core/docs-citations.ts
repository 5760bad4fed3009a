/*
 * Citations: how code, tests and pages name a rule of docs/protocol.md or docs/spark-standalone.md. Pure:
 * text in, problems out.
 *
 *     protocol 5.3      protocol R4      protocol S7, L1      Spark 4.8      Spark 3.4.11a
 *     R4: the title of a test
 */

/** `protocol.md#R4`, and the line that names it. */
export interface Citation {
  readonly line: number
  /** As the author wrote it. */
  readonly text: string
  readonly page: 'protocol.md' | 'spark-standalone.md'
  readonly anchor: string
}

const ID = String.raw`(?:[RSL]\d+[a-z]?|\d+(?:\.\d+)*[a-z]?)`
/** `5`, `5, 6 and 12`, `R1 to R6`, also over the end of a line of a comment. */
const LIST = String.raw`${ID}\b(?:(?:,|${'GAP'}(?:and|to))${'GAP'}${ID}\b)*`
const GAP = String.raw`(?:\s|\n\s*(?:\*|//)?\s?)+`
const withGaps = (pattern: string): string => pattern.replaceAll('GAP', GAP)

const protocolCitation = new RegExp(withGaps(String.raw`\b[Pp]rotocol${'GAP'}(${LIST})`), 'g')
const sparkCitation = new RegExp(withGaps(String.raw`\bSpark${'GAP'}(${LIST})`), 'g')
/** A rule by its name alone: in titles of tests, in invariants of the simulator, in tables of pages. */
const bareRule = /(?<![\w.#/$-])[RSL]\d[a-z]?(?![\w(-]|\.\w)/g
/** Forms that name no page of the project. */
const outdated = [
  String.raw`\b(?:surface|design|[Rr]eference),?GAP(?:sections?GAP)?\d`,
  String.raw`\b[Pp]rotocol,?GAPsections?GAP\d`,
  String.raw`(?<![\w.#-])[Ss]ections?GAP\d`,
  String.raw`(?<![\w.])\(\d+\.\d\)`,
  String.raw`\b[RSL]\d[a-z]?-[RSL]\d`,
]
const outdatedCitation = new RegExp(withGaps(outdated.join('|')), 'g')

/** Versions of Spark, which look like sections: `Spark 4.0`, `Spark 3.5.6`. */
const sparkVersions: ReadonlySet<string> = new Set(['4.0', '3.5.6', '4.1.3'])

const idsOf = (list: string): string[] => list.match(new RegExp(ID, 'g')) ?? []

const lineAt = (text: string, index: number): number => text.slice(0, index).split('\n').length

/** Every citation of a text. */
export function citationsOf(text: string): Citation[] {
  const found: Citation[] = []
  const add = (index: number, id: string, page: Citation['page'], anchor: string): void => {
    found.push({ line: lineAt(text, index), text: id, page, anchor })
  }
  for (const { index, 1: list = '' } of text.matchAll(protocolCitation)) {
    for (const id of idsOf(list)) add(index, id, 'protocol.md', /^\d/.test(id) ? `section-${id}` : id)
  }
  for (const { index, 1: list = '' } of text.matchAll(sparkCitation)) {
    for (const id of idsOf(list)) {
      if (!sparkVersions.has(id)) add(index, id, 'spark-standalone.md', `spark-${id}`)
    }
  }
  for (const { line, text: id } of bareRulesOf(text))
    found.push({ line, text: id, page: 'protocol.md', anchor: id })
  return found
}

/**
 * Citations in a form that names no page of the project, and in comments those that name a rule but no page.
 */
export function outdatedCitationsOf(text: string): { readonly line: number; readonly text: string }[] {
  return [...text.matchAll(outdatedCitation)].map(({ index, 0: cited }) => ({
    line: lineAt(text, index),
    text: cited,
  }))
}

/** Rules that a comment names without `protocol`: a reader would not know where to look. */
export function bareRulesOf(text: string): { readonly line: number; readonly text: string }[] {
  const rest = text.replace(protocolCitation, (cited) => cited.replaceAll(/[^\n]/g, ' '))
  return [...rest.matchAll(bareRule)].map(({ index, 0: cited }) => ({
    line: lineAt(text, index),
    text: cited,
  }))
}

/** Anchors of a page: those that are set by hand, and those of headings as Markdown hosts make them. */
export function anchorsOf(page: string): Set<string> {
  const anchors = new Set([...page.matchAll(/<a id="([^"]+)"><\/a>/g)].map(([, id]) => id as string))
  for (const [, title = ''] of page.matchAll(/^#+ (.+)$/gm)) {
    anchors.add(
      title
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\s_-]/gu, '')
        .trim()
        .replaceAll(' ', '-'),
    )
  }
  return anchors
}

/** Links of a page to pages of the project: `[text](page.md#anchor)`; a page without a name is this one. */
export function linksOf(
  page: string,
): { readonly line: number; readonly page: string; readonly anchor: string }[] {
  return [...page.matchAll(/\]\(([\w./-]*\.md)?(?:#([\w.-]+))?\)/g)].map(
    ({ index, 1: to = '', 2: anchor = '' }) => ({
      line: lineAt(page, index),
      page: to,
      anchor,
    }),
  )
}

/** States that the diagrams of a page name, one list for each diagram. */
export function diagramStatesOf(page: string): string[][] {
  return [...page.matchAll(/```mermaid\nstateDiagram-v2\n([^`]+)```/g)].map(([, diagram = '']) => [
    ...new Set([...diagram.matchAll(/\b[A-Z][A-Z_]+(?= -->|:)/g)].map(([state]) => state)),
  ])
}

/** Lines of prose and cells of tables that are too long to read. */
export function overlongOf(page: string, most: { readonly prose: number; readonly cell: number }): string[] {
  const problems: string[] = []
  let isCode = false
  for (const [index, line] of page.split('\n').entries()) {
    if (line.startsWith('```')) isCode = !isCode
    // An indented block is code as well.
    if (isCode || line.startsWith('    ')) continue
    const parts = line.startsWith('|') ? line.split(/(?<!\\)\|/).map((cell) => cell.trim()) : [line]
    const bound = line.startsWith('|') ? most.cell : most.prose
    for (const part of parts)
      if (part.length > bound) problems.push(`${index + 1}: ${part.length} characters`)
  }
  return problems
}
