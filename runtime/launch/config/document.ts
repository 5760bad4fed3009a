import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml'
import { reasonOf } from '../../errors.js'
import type { ConfigProblem, KeyPath, Place } from './problem.js'

/** A deployment file as YAML: its value with the place of everything in it. */
export interface ConfigDocument {
  readonly file: string
  readonly value: unknown
  /** Place of the value at a path, or of its nearest ancestor that is there. */
  placeOf(path: KeyPath): Place
  /** Place of the key itself; of the value where it has no key (list items). */
  placeOfKey(path: KeyPath): Place
  readonly problems: readonly ConfigProblem[]
}

type Found = { readonly node: Node | null; readonly key: Node | null }

function step(document: Document, node: Node | null, part: string | number): Found | undefined {
  const target = isAlias(node) ? (node.resolve(document) ?? null) : node
  if (isSeq(target) && typeof part === 'number') {
    const item = target.items[part]
    return item === undefined ? undefined : { node: item as Node | null, key: null }
  }
  if (!isMap(target)) return undefined
  const pair = target.items.find(({ key }) => String(isScalar(key) ? key.value : key) === String(part))
  return pair && { node: pair.value as Node | null, key: pair.key as Node | null }
}

function find(document: Document, path: KeyPath): { found: Found; complete: boolean } {
  let found: Found = { node: document.contents as Node | null, key: null }
  for (const part of path) {
    const next = step(document, found.node, part)
    if (!next) return { found, complete: false }
    found = next
  }
  return { found, complete: true }
}

/** Deep nesting and alias bombs make the parser throw: that is a problem of the file, too. */
function readValue(document: Document): { value?: unknown; failure?: string } {
  try {
    return { value: document.toJS({ maxAliasCount: 100 }) }
  } catch (error) {
    return { failure: reasonOf(error) }
  }
}

/** Parses without ever throwing; syntax errors and repeated keys come as problems, all of them with a place. */
export function parseConfigDocument(text: string, file: string): ConfigDocument {
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, merge: true, prettyErrors: false })
  const placeAt = (offset: number): Place => {
    const { line, col } = lines.linePos(offset)
    return { line: Math.max(1, line), column: Math.max(1, col) }
  }
  const placeOfNode = (node: Node | null): Place | undefined =>
    node?.range ? placeAt(node.range[0]) : undefined
  const problems: ConfigProblem[] = []
  const report = (offset: number, message: string, code: 'CONFIG_UNREADABLE' | 'CONFIG_INVALID'): void => {
    problems.push({ code, file, place: placeAt(offset), key: '', message, nearest: undefined })
  }
  for (const error of document.errors) {
    if (error.code === 'DUPLICATE_KEY') report(error.pos[0], 'this key is there twice', 'CONFIG_INVALID')
    // What follows the first syntax error is mostly its echo.
    else if (!problems.some(({ code }) => code === 'CONFIG_UNREADABLE')) {
      report(
        error.pos[0],
        `not YAML: ${(error.message.split('\n')[0] ?? '').replace(/[.:]$/, '')}`,
        'CONFIG_UNREADABLE',
      )
    }
  }
  const { value, failure } = document.errors.length === 0 ? readValue(document) : {}
  if (failure !== undefined) report(0, `not YAML: ${failure}`, 'CONFIG_UNREADABLE')
  return {
    file,
    value,
    problems,
    placeOf: (path) => {
      const { found } = find(document, path)
      return placeOfNode(found.node) ?? placeOfNode(found.key) ?? placeAt(0)
    },
    placeOfKey: (path) => {
      const { found, complete } = find(document, path)
      return (complete ? placeOfNode(found.key) : undefined) ?? placeOfNode(found.node) ?? placeAt(0)
    },
  }
}
