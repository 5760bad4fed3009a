import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/*
 * Hooks of Node's module loader: they compile each TypeScript file as it is imported. They run in a thread of
 * their own. Imports name files as Node itself wants it, with `.ts`.
 */

interface Esbuild {
  transform(source: string, options: object): Promise<{ readonly code: string }>
}

interface Loaded {
  readonly format: string
  readonly source?: string
  readonly shortCircuit?: boolean
}

/** Whoever registers this module says where esbuild is. */
const place = new URL(import.meta.url).searchParams.get('esbuild') as string
const esbuild = createRequire(import.meta.url)(place) as Esbuild

export async function load(
  url: string,
  context: object,
  next: (url: string, context: object) => Promise<Loaded>,
): Promise<Loaded> {
  if (!url.startsWith('file:')) return next(url, context)
  const { pathname } = new URL(url)
  if (!/\.[mc]?ts$/.test(pathname)) return next(url, context)
  const path = fileURLToPath(url)
  const text = await readFile(path, 'utf8')
  const format = await formatOf(path, text)
  const { code: source } = await esbuild.transform(text, {
    loader: 'ts',
    format: format === 'module' ? 'esm' : 'cjs',
    target: 'node20.19',
    sourcemap: 'inline',
    sourcefile: path,
  })
  return { format, source, shortCircuit: true }
}

/** As Node decides: by the extension, then the nearest package.json, then the syntax. */
async function formatOf(path: string, text: string): Promise<'module' | 'commonjs'> {
  if (path.endsWith('.mts')) return 'module'
  if (path.endsWith('.cts')) return 'commonjs'
  const type = await packageType(dirname(path))
  if (type !== undefined) return type
  return /^\s*(?:import|export)\b(?!\s*\()/m.test(text) ? 'module' : 'commonjs'
}

async function packageType(from: string): Promise<'module' | 'commonjs' | undefined> {
  for (let folder = from; ; folder = dirname(folder)) {
    try {
      const { type } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as { type?: unknown }
      return type === 'module' || type === 'commonjs' ? type : undefined
    } catch {
      if (dirname(folder) === folder) return undefined
    }
  }
}
