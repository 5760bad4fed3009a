import type { Random } from './random.js'

/** The parts of a JSON Schema (2020-12) that this file reads, as zod writes them. */
export interface Shape {
  readonly type?: string
  readonly const?: unknown
  readonly enum?: readonly unknown[]
  readonly anyOf?: readonly Shape[]
  readonly oneOf?: readonly Shape[]
  readonly minimum?: number
  readonly items?: Shape | false
  readonly prefixItems?: readonly Shape[]
  readonly properties?: Readonly<Record<string, Shape>>
  readonly required?: readonly string[]
  readonly propertyNames?: Shape
  readonly additionalProperties?: Shape | boolean
}

const LIST_MAX = 4
const numbers = [0, 1, 2.5, 1e9, -1]

/** Makes a value of this shape. Its texts come from a pool, so that messages refer to the same things. */
export function shaped(random: Random, shape: Shape, texts: readonly string[]): unknown {
  if (shape.const !== undefined) return shape.const
  if (shape.enum) return random.pick(shape.enum)
  const choices = shape.anyOf ?? shape.oneOf
  if (choices) return shaped(random, random.pick(choices), texts)
  switch (shape.type) {
    case 'string':
      return random.pick(texts)
    case 'boolean':
      return random.oneIn(2)
    case 'number':
      return random.pick(numbers)
    case 'integer':
      return random.oneIn(20) ? random.pick([64, 1000, 65_536]) : (shape.minimum ?? 0) + random.int(4)
    case 'array':
      return listOf(random, shape, texts)
    case 'object':
      return objectOf(random, shape, texts)
    default:
      return null
  }
}

function listOf(random: Random, { items, prefixItems }: Shape, texts: readonly string[]): unknown[] {
  if (prefixItems) return prefixItems.map((item) => shaped(random, item, texts))
  if (!items) return []
  return Array.from({ length: random.size(LIST_MAX) }, () => shaped(random, items, texts))
}

function objectOf(random: Random, shape: Shape, texts: readonly string[]): Record<string, unknown> {
  const made: Record<string, unknown> = {}
  for (const [key, child] of Object.entries(shape.properties ?? {})) {
    if (shape.required?.includes(key) || random.oneIn(2)) made[key] = shaped(random, child, texts)
  }
  const { additionalProperties: others } = shape
  if (typeof others !== 'object') return made
  for (let more = random.size(LIST_MAX); more > 0; more--) {
    made[random.pick(texts)] = shaped(random, others, texts)
  }
  return made
}
