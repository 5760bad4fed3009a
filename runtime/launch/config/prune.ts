import type * as z from '../../zod.js'
import type { KeyPath } from './problem.js'

type Container = Record<PropertyKey, unknown>

function parentOf(value: unknown, path: KeyPath): Container | undefined {
  let node = value
  for (const part of path.slice(0, -1)) node = (node as Container | null | undefined)?.[part]
  return typeof node === 'object' && node !== null ? (node as Container) : undefined
}

/**
 * What to take out so that `path` is no longer wrong. A list is taken out as a whole, because its indices are
 * places.
 */
function removable(value: unknown, path: KeyPath): KeyPath {
  const last = path.at(-1)
  const missing = last !== undefined && parentOf(value, path)?.[last] === undefined
  let target = missing ? path.slice(0, -1) : path
  while (typeof target.at(-1) === 'number') target = target.slice(0, -1)
  return target
}

/**
 * Takes the broken parts out of a parsed file, so that the rules between the remaining keys can be checked in
 * the same run. Returns the paths of the removed values. An unknown key removes nothing else.
 */
export function prune(value: unknown, issues: readonly z.core.$ZodIssue[]): KeyPath[] {
  const pruned: KeyPath[] = []
  for (const issue of issues) {
    const path = issue.path as KeyPath
    if (issue.code === 'unrecognized_keys') {
      for (const key of issue.keys) delete parentOf(value, [...path, key])?.[key]
      continue
    }
    const target = removable(value, path)
    const last = target.at(-1)
    if (last !== undefined) delete parentOf(value, target)?.[last]
    pruned.push(target)
  }
  return pruned
}

/** `masters.*.port`: whether one of the removed paths is that key, or contains it. */
export function affects(pruned: readonly KeyPath[], need: string): boolean {
  const parts = need.split('.')
  return pruned.some(
    (path) =>
      path.length <= parts.length &&
      path.every((part, depth) => parts[depth] === '*' || parts[depth] === String(part)),
  )
}
