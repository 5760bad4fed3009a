import assert from 'node:assert/strict'

/** What stands between this heading and the next one. */
export function sectionOf(text: string, heading: string): string {
  const [, rest] = text.split(`\n${heading}\n`)
  assert.ok(rest !== undefined, `${heading} is missing`)
  return rest.split(/^#/m)[0]!
}
