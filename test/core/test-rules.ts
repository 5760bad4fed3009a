/** Text of test files by their path below `test/`. */
export type TestFiles = ReadonlyMap<string, string>

const CLOCK = /\b(?:performance\.now|Date\.now|hrtime|sharedNowMs|systemClock\.\w+Ms)\b/
/** A constant, a variable, a property or a collection with what it is given, up to the end of the line. */
const GIVEN = [/\b(?:const|let) (\w+)(?:: \w+)? = (.*)/g, /\b(\w+Ms): (.*)/g, /\b(\w+)\.(?:push|set)\((.*)/g]
const LAMBDA = /^(?:async )?\([^)]*\)(?:: [\w<>]+)? =>/
const COMPARISON = /\s(?:<|>|<=|>=)\s/

/**
 * `FILE: ASSERTION` of each assertion that compares readings of a real clock, or what was computed from them.
 */
export function* timedAssertionsOf(path: string, text: string): Generator<string, void, undefined> {
  const names = namesFromClock(text)
  const isFromClock = (code: string): boolean => CLOCK.test(code) || names.some((name) => name.test(code))
  for (const { index } of text.matchAll(/\bassert(?:\.\w+)?\(/g)) {
    const assertion = callAt(text, index)
    if (COMPARISON.test(assertion) && isFromClock(assertion)) {
      yield `${path}: ${assertion.replace(/\s+/g, ' ')}`
    }
  }
}

function namesFromClock(text: string): RegExp[] {
  const found = new Map<string, RegExp>()
  for (let before = -1; before !== found.size; ) {
    before = found.size
    for (const [, name = '', code = ''] of GIVEN.flatMap((given) => [...text.matchAll(given)])) {
      const isReading = !LAMBDA.test(code) && [CLOCK, ...found.values()].some((one) => one.test(code))
      if (isReading) found.set(name, new RegExp(`\\b${name}\\b`))
    }
  }
  return [...found.values()]
}

/** The text of the call that begins at `start`, up to its closing parenthesis. */
function callAt(text: string, start: number): string {
  let depth = 0
  for (let at = start; at < text.length; at++) {
    if (text[at] === '(') depth++
    else if (text[at] === ')' && --depth === 0) return text.slice(start, at + 1)
  }
  return text.slice(start)
}

/** Classes that stand in for the clock or the timers of a program. */
export const virtualClocksOf = (files: TestFiles): string[] =>
  [...files].flatMap(([path, text]) =>
    [...text.matchAll(/class (\w+) implements [^{]*\b(?:Clock|TimerSource)\b/g)].map(
      ([, name]) => `${path} ${name}`,
    ),
  )

/** Files that describe a whole application, driver or Worker by themselves. */
export const ownDescriptionsOf = (files: TestFiles): string[] =>
  [...files]
    .filter(([, text]) => /\bnodeOptions: \[\],|\blabels: \{[^}]*\},\s+web: null/.test(text))
    .map(([path]) => path)
