import { type Document, isAlias, isMap, isScalar, isSeq, type Node, parseDocument } from 'yaml'
import { reasonOf } from '../../errors.js'
import { innerLimits } from '../../inner-limits.js'
import type { ConfigProblem, KeyPath, Place } from './problem.js'

/** A deployment file as YAML: its value, and the place of everything in it. */
export interface ConfigDocument {
  readonly file: string
  readonly value: unknown
  /** Place of the value at a path, or of its nearest ancestor that exists. */
  placeOf(path: KeyPath): Place
  /** Place of the key itself, or of the value if it has no key (list items). */
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

/** Deep nesting and alias bombs make the parser throw. That is a problem of the file, too. */
function readValue(document: Document): { value?: unknown; failure?: string } {
  try {
    return { value: document.toJS({ maxAliasCount: innerLimits.yamlAliases }) }
  } catch (error) {
    return { failure: reasonOf(error) }
  }
}

const DEPTH_MAX = innerLimits.configDepth

/**
 * The path at which something is nested deeper than any key can be. An anchor may contain itself, and would
 * never end.
 */
function tooDeep(value: unknown): KeyPath | undefined {
  const open: { readonly node: unknown; readonly path: KeyPath }[] = [{ node: value, path: [] }]
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { node, path } = next
    if (typeof node !== 'object' || node === null) continue
    if (path.length >= DEPTH_MAX) return path
    const isList = Array.isArray(node)
    for (const [key, child] of Object.entries(node)) {
      open.push({ node: child, path: [...path, isList ? Number(key) : key] })
    }
  }
  return undefined
}

/** Line and column by offset. The parser's own counter misses line breaks in what it cannot read. */
function placesIn(text: string): (offset: number) => Place {
  const starts = [0]
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1)
  return (offset) => {
    const line = starts.findLastIndex((start) => start <= offset)
    return { line: line + 1, column: offset - starts[line]! + 1 }
  }
}

/** Parses and never throws. Syntax errors and repeated keys are returned as problems with a place. */
export function parseConfigDocument(text: string, file: string): ConfigDocument {
  // The parser's warnings would go to standard error, besides the problems.
  const options = { merge: true, prettyErrors: false, logLevel: 'error' } as const
  const document = parseDocument(text, options)
  const placeAt = placesIn(text)
  const placeOfNode = (node: Node | null): Place | undefined =>
    node?.range ? placeAt(node.range[0]) : undefined
  const problems: ConfigProblem[] = []
  const report = (offset: number, message: string, code: 'CONFIG_UNREADABLE' | 'CONFIG_INVALID'): void => {
    problems.push({ code, file, place: placeAt(offset), key: '', message, nearest: undefined })
  }
  for (const error of document.errors) {
    if (error.code === 'DUPLICATE_KEY') report(error.pos[0], 'this key is there twice', 'CONFIG_INVALID')
    // Errors after the first syntax error mostly follow from it.
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
  const placeOf = (path: KeyPath): Place => {
    const { found } = find(document, path)
    return placeOfNode(found.node) ?? placeOfNode(found.key) ?? placeAt(0)
  }
  const deep = tooDeep(value)
  if (deep !== undefined) {
    const message = `nested deeper than ${DEPTH_MAX} levels, or within itself`
    const key = String(deep[0])
    problems.push({
      code: 'CONFIG_INVALID',
      file,
      place: placeOf(deep),
      key,
      message: `${key} is ${message}`,
      nearest: undefined,
    })
  }
  return {
    file,
    value,
    problems,
    placeOf,
    placeOfKey: (path) => {
      const { found, complete } = find(document, path)
      return (complete ? placeOfNode(found.key) : undefined) ?? placeOfNode(found.node) ?? placeAt(0)
    },
  }
}
