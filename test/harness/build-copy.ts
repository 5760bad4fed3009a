import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { programEntries } from '../../runtime/built-file.js'
import type { FormatRange } from '../../runtime/persistence/store-format.js'
import type { ProtocolRange } from '../../runtime/transport/protocol-range.js'

const compiled = fileURLToPath(new URL('../../', import.meta.url))
const project = fileURLToPath(new URL('../../../', import.meta.url))

/** A build of this package: its command line, and its folder. */
export interface Build {
  readonly bin: string
  readonly folder: string
}

export const thisBuild: Build = { bin: join(compiled, 'runtime/launch/cli/bin.js'), folder: compiled }

/** Values that a copy reports instead of those of this build. */
export interface BuildChanges {
  /** Of the package. */
  readonly version: string
  /** Major of Node, as the handshake tells it. */
  readonly nodeMajor?: number
  /** The protocols that it speaks. */
  readonly protocols?: ProtocolRange
  /** The formats of a store that it knows. */
  readonly formats?: FormatRange
}

/** Copies this build into a new folder, as another release would be installed beside it. */
export async function copyBuild(folder: string, changes: BuildChanges): Promise<Build> {
  const { version, nodeMajor, protocols, formats } = changes
  await mkdir(folder, { recursive: true })
  for (const part of ['actors', 'runtime']) {
    await cp(join(compiled, part), join(folder, 'dist', part), { recursive: true })
  }
  // The changes below are in the plain files, so its programs are those.
  await mkdir(join(folder, 'dist/programs'))
  for (const [name, file] of Object.entries(programEntries))
    await writeFile(join(folder, 'dist/programs', `${name}.js`), `import '../${file}'\n`)
  await symlink(join(project, 'node_modules'), join(folder, 'node_modules'))
  const manifest = JSON.parse(await readFile(join(project, 'package.json'), 'utf8')) as object
  await writeFile(join(folder, 'package.json'), JSON.stringify({ ...manifest, version }))
  const transport = join(folder, 'dist/runtime/transport')
  if (nodeMajor !== undefined) {
    await replace(join(transport, 'node-major.js'), /(?<=const nodeMajor = )[^;\n]+/, String(nodeMajor))
  }
  if (protocols !== undefined) {
    const file = join(transport, 'protocol-range.js')
    await replace(file, /(?<=const PROTOCOL_MIN = )\d+/, String(protocols.min))
    await replace(file, /(?<=const PROTOCOL_MAX = )\d+/, String(protocols.max))
  }
  if (formats !== undefined) {
    const file = join(folder, 'dist/runtime/persistence/store-format.js')
    await replace(file, /(?<=const FORMAT_MIN = )\d+/, String(formats.min))
    await replace(file, /(?<=const FORMAT_MAX = )\d+/, String(formats.max))
  }
  return { bin: join(folder, 'dist/runtime/launch/cli/bin.js'), folder }
}

/** Throws unless there is exactly one such place: otherwise the copy would not differ as intended. */
async function replace(path: string, place: RegExp, by: string): Promise<void> {
  const text = await readFile(path, 'utf8')
  const found = [...text.matchAll(new RegExp(place, 'g'))].length
  if (found !== 1) throw new Error(`${relative(project, path)} has ${found} places like ${place}, not one`)
  await writeFile(path, text.replace(place, by))
}
