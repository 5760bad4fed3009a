import { basename, dirname, extname } from 'node:path'

/* Commands of `each`: replacement strings and quoting as in GNU parallel. */

const plainWord = /^[A-Za-z0-9_@%+=:,./-]+$/

/** One word for `sh -c`, whatever it contains. */
export function shellQuote(text: string): string {
  return plainWord.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}

/** `{.}`: without the last extension of the last part; a dot file has none. */
export function withoutExtension(item: string): string {
  const extension = extname(item)
  return extension === '' ? item : item.slice(0, item.length - extension.length)
}

const values: Readonly<Record<string, (item: string) => string>> = {
  '{}': (item) => item,
  '{.}': withoutExtension,
  '{/}': (item) => basename(item),
  '{//}': (item) => dirname(item),
  '{/.}': (item) => withoutExtension(basename(item)),
}
const placeholder = /\{(?:|\.|\/|\/\/|\/\.|#)\}/g

/** Whether the item occurs in it. `{#}` is the number of the item, not the item. */
function namesItem(template: string): boolean {
  return [...template.matchAll(placeholder)].some(([found]) => found !== '{#}')
}

/**
 * The command of one item. `{} {.} {/} {//} {/.}` become the item, quoted for the shell, and `{#}` its number
 * from 1. If the item does not occur, it is appended.
 */
export function commandFor(template: string, item: string, number: number): string {
  const replaced = template.replace(placeholder, (found) =>
    found === '{#}' ? String(number) : shellQuote(values[found]!(item)),
  )
  return namesItem(template) ? replaced : `${replaced} ${shellQuote(item)}`
}

export interface EachArguments {
  readonly template: string
  /** Undefined: they are read from standard input. */
  readonly items: readonly string[] | undefined
}

/** COMMAND and items. As in GNU parallel `:::` may separate a command of several words from its items. */
export function splitArguments(command: string, rest: readonly string[]): EachArguments {
  const separator = rest.indexOf(':::')
  if (separator === -1) return { template: command, items: rest.length === 0 ? undefined : rest }
  return {
    template: [command, ...rest.slice(0, separator)].join(' '),
    items: rest.slice(separator + 1),
  }
}
