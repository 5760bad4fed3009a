import { parseArgs } from 'node:util'
import { namesOption } from '../tools/command-line.js'
import { type PartName, partNames } from './parts.js'

export interface NodesOptions {
  /** Major versions, or whole ones. */
  readonly versions: readonly string[]
  readonly parts: readonly PartName[]
  /** Only files whose names begin with one of these. */
  readonly files: readonly string[] | undefined
}

/** Those that CI and users have. */
const VERSIONS = ['20', '22', '24', '26']

export const usage = `npm run test:nodes [-- OPTIONS] [VERSION...]
  VERSION       such as 22, 22.19 or 22.19.0 (default: ${VERSIONS.join(' ')})
  --parts LIST  what runs on each (default: all): ${partNames.join(',')}
  --files LIST  only test files whose names begin so, such as executor-,tasks-

Binaries come from the npm registry that npm is configured for, and are kept in node_modules/.cache/firesteel-nodes.
Exit codes: 0 all is well, 1 a test failed, 2 a wrong command line, 3 a version cannot be had.
`

/** Throws an Error that says what is wrong. */
export function parseCommandLine(args: readonly string[]): NodesOptions {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { parts: { type: 'string' }, files: { type: 'string' } },
  })
  const wrong = positionals.find((version) => !/^\d+(\.\d+){0,2}$/.test(version))
  if (wrong !== undefined)
    throw new Error(`${wrong} is no version of Node; write it like 22, 22.19 or 22.19.0`)
  const files = values.files?.split(',').filter(Boolean)
  if (files?.length === 0)
    throw new Error('--files has nothing; it takes the beginnings of names of test files')
  return {
    versions: positionals.length > 0 ? positionals : VERSIONS,
    parts: namesOption('parts', values.parts, partNames) ?? partNames,
    files,
  }
}
