import { readFileSync } from 'node:fs'
import { builtFile } from './built-file.js'

/** The version of this package. */
export function release(): string {
  const text = readFileSync(builtFile('../package.json'), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}
