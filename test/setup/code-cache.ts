import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

/*
 * A start spends a third of its processor time on reading code: V8 parses and compiles it in each process
 * anew. So the build keeps what V8 has made of the first file of a program, beside that file. It is as
 * trusted as the code, because whoever may write one may write the other. It counts only for the very same
 * code, and V8 takes it only in the same version and with the same flags: else the start is as long as ever.
 */

/** What the first file of a program begins and ends with: V8 compiles a function of it. */
export const wrapping = {
  banner: { js: '(function (exports, require, module, moduleUrl, importHere) {' },
  footer: { js: '})' },
} as const

/** A script that was compiled ahead has no `import` of its own: that of its loader does it. */
export function importByLoader(folder: string, name: string): void {
  const file = join(folder, `${name}.cjs`)
  writeFileSync(file, readFileSync(file, 'utf8').replace(/\bimport\((?=["(\w])/g, 'importHere('))
}

const DIGEST_BYTES = 32

/** For this Node: another one takes none, and does not look at this one. */
export const cacheName = (name: string): string => `${name}-${process.versions.v8}-${process.arch}.cache`

/** Loads the first file of a program, and exports what it exports. */
export const loaderText = (
  name: string,
  exported: readonly string[],
): string => `const load = process.getBuiltinModule
const { readFileSync } = load('node:fs')
const { createHash } = load('node:crypto')
const { Script } = load('node:vm')
const url = new URL('./${name}.cjs', import.meta.url)
const code = readFileSync(url)
let cachedData
try {
  const kept = readFileSync(new URL(\`./${name}-\${process.versions.v8}-\${process.arch}.cache\`, import.meta.url))
  const data = kept.subarray(${DIGEST_BYTES})
  const digest = createHash('sha256').update(code).update(data).digest()
  if (digest.equals(kept.subarray(0, ${DIGEST_BYTES}))) cachedData = data
} catch {
  // It is not there: V8 compiles the code.
}
const script = new Script(code.toString('latin1'), { filename: url.href, cachedData })
const module = { exports: {} }
const require = load('node:module').createRequire(url)
script.runInThisContext()(module.exports, require, module, url.href, (target) => import(target))
export const { ${exported.join(', ')} } = module.exports
`

/** Runs the file as far as it comes without its parent, and keeps what V8 has compiled until then. */
const maker = (url: string, cache: string): string => `
const { readFileSync, writeFileSync } = require('node:fs')
const { createHash } = require('node:crypto')
const { Script } = require('node:vm')
const url = new URL(${JSON.stringify(url)})
const code = readFileSync(url)
const script = new Script(code.toString('latin1'), { filename: url.href })
process.on('exit', () => {
  const data = script.createCachedData()
  const digest = createHash('sha256').update(code).update(data).digest()
  writeFileSync(new URL(${JSON.stringify(cache)}), Buffer.concat([digest, data]))
})
const module_ = { exports: {} }
script.runInThisContext()(module_.exports, require('node:module').createRequire(url), module_, url.href, (target) => import(new URL(target, url)))
`

/** `args`: of the command line while its code is compiled. */
export function writeCodeCache(folder: string, name: string, args: readonly string[]): void {
  const [code, cache] = [`${name}.cjs`, cacheName(name)].map((file) => pathToFileURL(join(folder, file)).href)
  const made = maker(code!, cache!)
  spawnSync(process.execPath, ['--input-type=commonjs', '--eval', made, name, ...args], {
    cwd: tmpdir(),
    // No cluster of whoever builds is asked.
    env: {},
    stdio: 'ignore',
    timeout: 30_000,
  })
}

/** Writes the file that programs import, beside the code. */
export function writeLoader(folder: string, name: string, exported: readonly string[]): void {
  writeFileSync(join(folder, `${name}.js`), loaderText(name, exported))
}
