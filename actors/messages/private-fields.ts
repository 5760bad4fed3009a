/*
 * Finds out whether a class declares private fields of its instances. Only the source text of the class tells
 * this: no reflection sees `#x`, and no clone carries it.
 */

const known = new WeakMap<object, boolean>()

/** True: the class of this prototype, or one that it extends, up to `above`, declares `#fields`. */
export function hasPrivateFields(prototype: object | null, above: object | null = null): boolean {
  for (let at = prototype; at !== null && at !== above; at = Object.getPrototypeOf(at) as object | null) {
    const type: unknown = Object.getOwnPropertyDescriptor(at, 'constructor')?.value
    if (typeof type !== 'function') continue
    let declares = known.get(type)
    if (declares === undefined) {
      declares = declaresPrivateFields(Function.prototype.toString.call(type))
      known.set(type, declares)
    }
    if (declares) return true
  }
  return false
}

/**
 * Comments, strings, private names, words, single characters. Templates and regular expressions are read
 * separately.
 */
const TOKEN = /\s+|\/\/[^\n]*|\/\*.*?\*\/|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|#?[\p{L}\p{N}_$]+|./suy
const REGEX = /\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\/[a-z]*/y
const TEXT_OF_TEMPLATE = /(?:\\.|\$(?!\{)|[^`\\$])*/sy
const BLANK = /^(?:\s|\/\/|\/\*)/
/** After these tokens a slash begins a regular expression; otherwise it divides. */
const BEFORE_REGEX =
  /^(?:[=(,:[!&|?{};+*%<>~^-]|return|typeof|case|in|of|delete|void|throw|new|do|else|yield|await)$/
const OPEN: Readonly<Record<string, string>> = { '{': '}', '(': ')', '[': ']' }

/** Decides from the text of a class. A private method or static field holds no data of an instance. */
export function declaresPrivateFields(text: string): boolean {
  if (!text.startsWith('class') || !text.includes('#')) return false
  const closers: string[] = []
  let before = ''
  let candidate = false
  for (const token of significant(text, () => before)) {
    if (candidate && token !== '(' && token !== 'in') return true
    const inBody = closers.length === 1 && closers[0] === '}'
    candidate = inBody && token.startsWith('#') && before !== '.' && before !== 'static'
    const closer = OPEN[token]
    if (closer !== undefined) closers.push(closer)
    else if (token === closers.at(-1)) closers.pop()
    before = token
  }
  return false
}

/** Yields tokens without blanks and comments. A template or regular expression is one token. */
function* significant(text: string, before: () => string): Generator<string> {
  /** For each open `${`, the number of braces open inside it. */
  const templates: number[] = []
  let at = 0
  const read = (pattern: RegExp): string => {
    pattern.lastIndex = at
    const found = pattern.exec(text)?.[0] ?? ''
    at += found.length
    return found
  }
  while (at < text.length) {
    if (
      text[at] === '/' &&
      BEFORE_REGEX.test(before()) &&
      !BLANK.test(text.slice(at, at + 2)) &&
      read(REGEX)
    ) {
      yield '"regex"'
      continue
    }
    let token = read(TOKEN)
    if (BLANK.test(token)) continue
    const inside = templates.at(-1)
    if (inside !== undefined && token === '{') templates[templates.length - 1] = inside + 1
    if (inside !== undefined && token === '}') {
      if (inside === 0) templates.pop()
      else templates[templates.length - 1] = inside - 1
    }
    if (token === '`' || (token === '}' && inside === 0)) {
      read(TEXT_OF_TEMPLATE)
      if (text[at] === '`') at++
      else {
        at += 2
        templates.push(0)
      }
      token = '"template"'
    }
    yield token
  }
}
