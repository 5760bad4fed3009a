import { innerLimits } from '../../runtime/inner-limits.js'
import { isPlain, type LookKind, lookAt } from './value-parts.js'

/* Goes through all objects of a value, to find what would not arrive. */

/**
 * Up to this length the named fields of an array are examined too, such as those of a match of a regular
 * expression.
 */
const NAMED_LENGTH_MAX = innerLimits.namedArrayItems

/**
 * Adds the objects directly inside, in the order of V8. An array longer than `dense` is sparse, or may be: it
 * goes by its keys.
 */
function addInside(value: object, kind: LookKind, to: object[], dense: number): void {
  if (kind === 'list' && within(value as unknown[], dense)) {
    addItems(value as unknown[], to)
  } else if (kind === 'list' || kind === 'fields') {
    addFields(value, Object.keys(value), to)
  } else if (kind === 'map') {
    for (const [key, item] of value as Map<unknown, unknown>) {
      if (typeof key === 'object' && key !== null) to.push(key)
      if (typeof item === 'object' && item !== null) to.push(item)
    }
  } else if (kind === 'set') {
    for (const item of value as Set<unknown>) if (typeof item === 'object' && item !== null) to.push(item)
  }
}

/** Goes by index, because an iterator would cost more than V8 needs to clone a list of numbers. */
function addItems(list: readonly unknown[], to: object[]): void {
  for (let index = 0; index < list.length; index++) {
    const item = list[index]
    if (typeof item === 'object' && item !== null) to.push(item)
  }
}

function addFields(value: object, keys: readonly string[], to: object[]): void {
  for (const key of keys) {
    const item = (value as Record<string, unknown>)[key]
    if (typeof item === 'object' && item !== null) to.push(item)
  }
}

/** Handles the commonest objects quickly. False: `lookAt` must examine the object. */
function addPlain(value: object, to: object[]): boolean {
  if (!isPlain(value)) return false
  const keys = Object.keys(value)
  addFields(value, keys, to)
  return keys.length > 0
}

/** Adds the objects directly inside, and says what this one is; undefined: it is plain. */
function open(value: object, to: object[], dense: number): LookKind | undefined {
  if (addPlain(value, to)) return undefined
  const { kind } = lookAt(value)
  addInside(value, kind, to, dense)
  return kind
}

const within = ({ length }: readonly unknown[], dense: number): boolean =>
  length > NAMED_LENGTH_MAX && length <= dense

export interface Examined {
  /** The first part that would arrive incomplete. */
  readonly lost?: object
  /** The objects from the value to the first one that is nested too deep. */
  readonly deep?: readonly object[]
  /** True: some parts only our codec can carry. */
  readonly special: boolean
}

/**
 * Examines every object of a value that V8 wrote in `bytes` bytes. A tree is walked without a record of
 * visited objects. Each mention of an object takes V8 more than a byte. So more mentions than bytes mean
 * repeated mentions, and the walk starts again with such a record.
 */
export function examine(value: unknown, bytes: number, levels: number): Examined {
  if (typeof value !== 'object' || value === null) return { special: false }
  return walkLevels(value, bytes, levels) ?? walkInOrder(value, bytes, levels)
}

/** Examines a value that V8 could not write, such as one of more levels than its stack carries. */
export function examineUnwritten(value: object, levels: number): Examined {
  return walkInOrder(value, 0, levels)
}

/**
 * Takes all objects of a level, then those of the next. Undefined: objects are mentioned repeatedly, or some
 * path through the value has too many levels, which V8 may not take.
 */
function walkLevels(root: object, bytes: number, levels: number): Examined | undefined {
  let special = false
  let visits = 1
  let level = [root]
  for (let depth = 1; level.length > 0; depth++) {
    if (depth > levels) return undefined
    const next: object[] = []
    for (const value of level) {
      const kind = open(value, next, bytes)
      if (kind === 'lost') return { lost: value, special }
      special ||= kind === 'whole'
      if (visits + next.length > bytes) return undefined
    }
    visits += next.length
    level = next
  }
  return { special }
}

interface Open {
  readonly value: object
  readonly inside: readonly object[]
  next: number
}

/**
 * Takes each object once, in the order of V8. So an object is as deep here as in its bytes, whatever other
 * ways lead to it: V8 goes down a list whose members are linked from the first one.
 */
function walkInOrder(root: object, bytes: number, levels: number): Examined {
  const seen = new Set<object>()
  const path: Open[] = []
  let special = false
  let value: object | undefined = root
  while (value !== undefined) {
    if (!seen.has(value)) {
      seen.add(value)
      if (path.length >= levels) return { deep: [...path.map((at) => at.value), value], special }
      const inside: object[] = []
      const kind = open(value, inside, bytes)
      if (kind === 'lost') return { lost: value, special }
      special ||= kind === 'whole'
      path.push({ value, inside, next: 0 })
    }
    value = following(path)
  }
  return { special }
}

/** The next object inside those that are open. Those without one are closed. */
function following(path: Open[]): object | undefined {
  for (let at = path.at(-1); at !== undefined; at = path.at(-1)) {
    const next = at.inside[at.next++]
    if (next !== undefined) return next
    path.pop()
  }
  return undefined
}
