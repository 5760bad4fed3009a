import { nearestWord } from '../../nearest.js'
import * as z from '../../zod.js'
import type { ConfigDocument } from './document.js'
import { type ConfigProblem, formatPath, type KeyPath } from './problem.js'
import { deploymentSchema } from './schema.js'

/** The part of JSON Schema that this file uses. */
export interface SchemaNode {
  readonly type?: string
  readonly description?: string
  readonly enum?: readonly string[]
  readonly properties?: Readonly<Record<string, SchemaNode>>
  readonly required?: readonly string[]
  readonly items?: SchemaNode
  readonly additionalProperties?: SchemaNode | boolean
  readonly 'x-example'?: string
  readonly minimum?: number
  readonly maximum?: number
}

/** The JSON Schema of a deployment file (2020-12). */
export function deploymentJsonSchema(): SchemaNode {
  return z.toJSONSchema(deploymentSchema, { io: 'input' }) as SchemaNode
}

let cachedSchema: SchemaNode | undefined

function childSchema(node: SchemaNode, part: string | number): SchemaNode | undefined {
  if (typeof part === 'number') return node.items
  const { additionalProperties: others } = node
  return node.properties?.[part] ?? (typeof others === 'object' ? others : undefined)
}

function schemaAt(path: KeyPath): SchemaNode | undefined {
  cachedSchema ??= deploymentJsonSchema()
  let node: SchemaNode | undefined = cachedSchema
  for (const part of path) node = node && childSchema(node, part)
  return node
}

/** A value where text is expected is often a number that lacks its unit or its quotes. */
function textRule(path: KeyPath, actual: unknown): string {
  const example = schemaAt(path)?.['x-example']
  if (example !== undefined) return `must be text such as ${example}, not ${actualType(actual)}`
  const quotable = typeof actual === 'number' || typeof actual === 'boolean'
  return `must be text, not ${actualType(actual)}${quotable ? `: write "${actual}"` : ''}`
}

const typeNames: Readonly<Record<string, string>> = {
  object: 'a mapping of keys',
  array: 'a list',
  record: 'a mapping of keys',
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
}

const actualType = (value: unknown): string => {
  if (value === null) return 'nothing'
  if (Array.isArray(value)) return 'a list'
  return typeNames[typeof value] ?? typeof value
}

function valueAt(value: unknown, path: KeyPath): unknown {
  let node = value
  for (const part of path) node = (node as Record<string | number, unknown> | null | undefined)?.[part]
  return node
}

const plural = (bound: number | bigint, noun: string): string =>
  `${bound} ${noun}${Number(bound) === 1 ? '' : 's'}`

function bound(word: 'at least' | 'at most', limit: number | bigint, origin: string): string {
  if (origin === 'string') return `must have ${word} ${plural(limit, 'character')}`
  if (origin === 'array') return `must have ${word} ${plural(limit, 'item')}`
  return `must be ${word} ${limit}`
}

/** The rule of one issue, worded to be read after the key. */
function ruleOf(issue: z.core.$ZodIssue, actual: unknown): string {
  switch (issue.code) {
    case 'invalid_type': {
      if (actual === undefined) return 'must be set'
      if (issue.expected === 'string') return textRule(issue.path as KeyPath, actual)
      const seen = typeof actual === 'number' ? String(actual) : actualType(actual)
      const expected = schemaAt(issue.path as KeyPath)?.type === 'integer' ? 'int' : issue.expected
      return `must be ${typeNames[expected] ?? expected}, not ${seen}`
    }
    case 'invalid_value':
      return `must be one of ${issue.values.map(String).join(', ')}`
    case 'too_small':
      return bound('at least', issue.minimum, issue.origin)
    case 'too_big':
      return bound('at most', issue.maximum, issue.origin)
    case 'invalid_key':
      return `is not a valid name: it ${issue.issues[0]?.message ?? 'breaks its rule'}`
    default:
      return issue.message
  }
}

/**
 * Turns Zod's issues into problems with places. One issue with several unknown keys becomes several problems.
 */
export function problemsOf(
  issues: readonly z.core.$ZodIssue[],
  value: unknown,
  document: ConfigDocument,
): ConfigProblem[] {
  const { file } = document
  return issues.flatMap((issue): ConfigProblem[] => {
    const path = issue.path as KeyPath
    if (issue.code === 'unrecognized_keys') {
      return issue.keys.map((unknown) => {
        const key = formatPath([...path, unknown])
        const place = document.placeOfKey([...path, unknown])
        const nearest = nearestWord(unknown, Object.keys(schemaAt(path)?.properties ?? {}))
        return { code: 'CONFIG_UNKNOWN_KEY', file, place, key, message: `${key} is not a key`, nearest }
      })
    }
    const actual = valueAt(value, path)
    const key = formatPath(path)
    const nearest =
      issue.code === 'invalid_value' && typeof actual === 'string'
        ? nearestWord(actual, issue.values.map(String))
        : undefined
    const place = issue.code === 'invalid_key' ? document.placeOfKey(path) : document.placeOf(path)
    const message = `${key || 'the file'} ${ruleOf(issue, actual)}`
    return [{ code: 'CONFIG_INVALID', file, place, key, message, nearest }]
  })
}
