import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { FiresteelError, reasonOf } from '../errors.js'
import { innerLimits } from '../inner-limits.js'

/** An installed package of Firesteel. */
export interface InstalledPackage {
  /** Absolute. */
  readonly folder: string
  readonly version: string
}

/** Throws PATH_NOT_FOUND if there is no package of Firesteel that this machine can run. */
export async function packageAt(folder: string): Promise<InstalledPackage> {
  const fail = (why: string, cause?: unknown): never => {
    const message = `${folder} has no package of Firesteel: ${why}.`
    throw new FiresteelError('PATH_NOT_FOUND', message, { place: folder, cause })
  }
  const manifest = await readFile(join(folder, 'package.json'), 'utf8')
    .then((text) => JSON.parse(text) as { name?: unknown; version?: unknown })
    .catch((error: unknown) => fail(reasonOf(error), error))
  const { name, version } = manifest
  if (name !== 'firesteel' || typeof version !== 'string')
    return fail('its package.json is that of another program')
  // It is run once: a package that lacks a part, or needs another Node, must not end a node that runs.
  const said = await versionOf(folder).catch((error: unknown) =>
    fail(`it does not run (${reasonOf(error).split('\n')[0]})`, error),
  )
  if (said !== version) return fail(`it says that it is ${JSON.stringify(said.slice(0, 40))}`)
  return { folder, version }
}

function versionOf(folder: string): Promise<string> {
  const words = [join(folder, 'dist/runtime/launch/cli/bin.js'), '--version']
  const options = { timeout: innerLimits.packageLookMs }
  return new Promise((resolve, reject) => {
    execFile(process.execPath, words, options, (error, stdout) =>
      error ? reject(error) : resolve(stdout.trim()),
    )
  })
}
