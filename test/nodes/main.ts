import { readFile } from 'node:fs/promises'
import { runProgram } from '../tools/command-line.js'
import { NoSuchNode, nodeBinary } from './binary.js'
import { type NodesOptions, parseCommandLine, usage } from './options.js'
import { argumentsOf } from './parts.js'
import { runOn } from './run-part.js'

/* `npm run test:nodes [-- OPTIONS] [VERSION...]`: the suites on several versions of Node. */

const NO_VERSION_EXIT = 3

const say = (line: string): void => void process.stdout.write(`${line}\n`)

async function main({ versions, parts, files }: NodesOptions): Promise<number> {
  if (parts.every((part) => argumentsOf(part, files) === undefined)) {
    say(`no test file of ${parts.join(', ')} has a name that begins with ${files?.join(' or ')}`)
    return 2
  }
  let failed = 0
  const missing: string[] = []
  for (const version of versions) {
    try {
      failed += await testOn(version, parts, files)
    } catch (error) {
      if (!(error instanceof NoSuchNode)) throw error
      missing.push(version)
      say(error.message)
    }
  }
  if (missing.length > 0) say(`not tested, because it cannot be had: Node ${missing.join(', ')}`)
  if (failed > 0) return 1
  return missing.length > 0 ? NO_VERSION_EXIT : 0
}

/** The number of failed tests. */
async function testOn(
  version: string,
  parts: NodesOptions['parts'],
  files: NodesOptions['files'],
): Promise<number> {
  const node = nodeBinary(version)
  let all = 0
  for (const part of parts) {
    const args = argumentsOf(part, files)
    if (args === undefined) continue
    const { passed, failed, skipped, seconds, log } = await runOn(node, part, args)
    say(
      `Node ${node.version} ${part}: ${passed} passed, ${failed} failed, ${skipped} skipped, ${seconds} s; ${log}`,
    )
    if (failed > 0) say(failuresOf(await readFile(log, 'utf8')))
    all += failed
  }
  return all
}

/** What the spec reporter repeats at the end. */
function failuresOf(log: string): string {
  const at = log.lastIndexOf('failing tests:')
  return at < 0 ? log.slice(-4000) : log.slice(at)
}

await runProgram({ usage, parse: parseCommandLine, main })
