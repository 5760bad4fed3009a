import { basename } from 'node:path'

/** Text of source files by their path, such as `runtime/limits.ts`. */
export type Sources = ReadonlyMap<string, string>

const isShipped = (path: string): boolean =>
  /^(actors|runtime)\//.test(path) || /^examples\//.test(path) || /^test\/(harness|conformance)\//.test(path)

const word = (name: string): RegExp => new RegExp(`\\b${name}\\b`)

/** `FILE NAME` of each module constant that is made of numerals and their operators alone. */
export function* numericConstantsOf(path: string, text: string): Generator<string, void, undefined> {
  const declared = /^(?:export )?const (\w+)(?:: [\w.]+)? = ([^\n]+)$/gm
  for (const [, name, value = ''] of text.matchAll(declared)) {
    const rest = value.replace(/\b(?:\d[\d_]*(?:\.\d+)?n?|0x[\da-f_]+)\b/gi, '')
    if (rest !== value && /^[\s+\-*/()]*$/.test(rest)) yield `${basename(path)} ${name}`
    // An object that has one, such as the waits of a back-off.
    else if (/^\{.*(?:Ms|Bytes|Chars|Mib): [1-9]/.test(value)) yield `${basename(path)} ${name}`
  }
}

/**
 * `FILE NAME` of each export of the shipped code that only tests name. A type may be there for a signature of
 * its own file.
 */
export function* unusedExportsOf(sources: Sources): Generator<string, void, undefined> {
  const declared = /^export (?:abstract |async )*(?:type|interface|const|function\*?|class|let) (\w+)/gm
  for (const [path, text] of sources) {
    if (!/^(actors|runtime)\//.test(path)) continue
    for (const [, name = ''] of text.matchAll(declared)) {
      const isUsedHere = (text.match(new RegExp(`\\b${name}\\b`, 'g')) ?? []).length > 1
      const isUsed =
        isUsedHere ||
        [...sources].some(([other, its]) => other !== path && isShipped(other) && word(name).test(its))
      if (!isUsed) yield `${path} ${name}`
    }
  }
}

/** Names in `limits` or `innerLimits` that no shipped file uses which imports them. */
export function unusedLimitsOf(names: readonly string[], file: string, sources: Sources): string[] {
  const readers = [...sources].filter(
    ([path, text]) => isShipped(path) && text.includes(`/${file.replace(/\.ts$/, '.js')}'`),
  )
  return names.filter((name) => !readers.some(([, text]) => word(name).test(text)))
}
