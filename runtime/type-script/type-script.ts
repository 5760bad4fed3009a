import { createRequire, register } from 'node:module'
import { builtFile } from '../built-file.js'

/* TypeScript without a build step: as Node runs it, or else by the esbuild of the user. */

/** Whether this Node runs .ts files by itself (Node >= 22.18). The types of Node 20 lack this feature. */
export const stripsTypes = Boolean((process.features as { typescript?: unknown }).typescript)

export const isTypeScript = (path: string): boolean => /\.[mc]?ts$/.test(path)

/** Where esbuild is installed: beside Firesteel, or as a dependency of the program. */
export function findEsbuild(program: string): string | undefined {
  for (const from of [import.meta.url, program]) {
    try {
      return createRequire(from).resolve('esbuild')
    } catch {
      // It is looked for in the next place.
    }
  }
  return undefined
}

/** A module that, given to `--import`, makes Node run TypeScript. */
export const TYPE_SCRIPT_PRELOAD = builtFile('runtime/type-script/preload.js')

/** The variable that tells the preload where esbuild is. */
export const ESBUILD_VARIABLE = 'FIRESTEEL_ESBUILD'

let isRegistered = false

/** From now on this thread can import TypeScript. */
export function compileTypeScript(esbuild: string): void {
  if (isRegistered) return
  isRegistered = true
  process.setSourceMapsEnabled(true)
  const hooks = builtFile('runtime/type-script/hooks.js')
  hooks.searchParams.set('esbuild', esbuild)
  register(hooks)
}
