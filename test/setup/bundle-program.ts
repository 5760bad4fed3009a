import { readFileSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import type { BuildOptions, Plugin } from 'esbuild'
import { wrapping } from './code-cache.js'

/*
 * A program as one file of all that it needs at its start, and files for what it imports later. esbuild alone
 * would put each set of modules that two of its files share into a file of its own: 40 for the start of a
 * node. Here the first file has them, and exports to the later ones what they use of it.
 */

export interface ProgramPlan {
  readonly name: string
  /** Files of dist that are run or exported at its start. */
  readonly entry: string
  /** What it imports dynamically, and always needs at once. */
  readonly heads: readonly string[]
  /** What it names in a dynamic import, and never needs. */
  readonly never: readonly string[]
  /** Arguments with which its code is compiled ahead. Absent: it is not (test/setup/code-cache.ts). */
  readonly compiledWith?: readonly string[]
}

export interface ProgramBuilds {
  readonly first: BuildOptions
  readonly later: BuildOptions
  /** What later files take from the first one. */
  readonly exported: readonly string[]
}

/** `import { a, b as c } from './x.js'`, and the same with `export`. */
const NAMED = /^(import|export)\s*\{([^}]*)\}\s*from\s*['"](\.[^'"]+)['"];?/gm
/** `import * as a from './x.js'`. */
const WHOLE = /^import\s*\*\s*as\s+(\w+)\s+from\s*['"](\.[^'"]+)['"];?/gm
const STATIC = /^(?:import|export)\s(?:[^'"]*?\sfrom\s+)?['"](\.[^'"]+)['"]/gm
const DYNAMIC = /\bimport\(['"](\.[^'"]+)['"]\)/g
const ROOT = resolve('dist')

const textOf = (file: string): string => readFileSync(file, 'utf8')
const targets = (file: string, pattern: RegExp): string[] =>
  [...textOf(file).matchAll(pattern)].map((match) => join(dirname(file), match[1]!))

function closureOf(entries: readonly string[], isLeft: (file: string) => boolean = () => false): Set<string> {
  const open = [...entries]
  const files = new Set<string>()
  for (let file = open.pop(); file !== undefined; file = open.pop()) {
    if (files.has(file) || isLeft(file)) continue
    files.add(file)
    open.push(...targets(file, STATIC))
  }
  return files
}

/** What is imported later, directly or by what is imported later. */
function laterOf(
  first: ReadonlySet<string>,
  never: ReadonlySet<string>,
): { entries: string[]; files: Set<string> } {
  const entries = new Set<string>()
  const files = new Set<string>()
  const open = [...first]
  for (let file = open.pop(); file !== undefined; file = open.pop()) {
    for (const target of targets(file, DYNAMIC)) {
      if (first.has(target) || never.has(target) || entries.has(target)) continue
      entries.add(target)
      for (const reached of closureOf([target], (one) => first.has(one) || files.has(one))) {
        files.add(reached)
        open.push(reached)
      }
    }
  }
  return { entries: [...entries], files }
}

/** The options of esbuild for both halves of a program. */
export function programBuilds({ name, entry, heads, never, compiledWith }: ProgramPlan): ProgramBuilds {
  const absolute = (files: readonly string[]): string[] => files.map((file) => join(ROOT, file))
  const first = closureOf(absolute([entry, ...heads]))
  const left = new Set(absolute(never))
  const later = laterOf(first, left)
  const numbers = new Map([...first].map((file, index) => [file, index]))
  const exported = new Map<string, Set<string>>()
  const alias = (file: string, what: string): string => {
    exported.set(file, (exported.get(file) ?? new Set()).add(what))
    return `m${numbers.get(file)}_${what}`
  }
  const mainFile = `./${name}.js`
  /** No path, so no import of any file is taken for it. */
  const main = `start:${name}`
  const laterName = (file: string): string =>
    `${name}-${basename(file, '.js')}-${later.entries.indexOf(file)}`

  /** Code of a later file, which takes from the first one what is there. */
  const rewritten = (file: string): string => named(file, whole(file, textOf(file)))
  const named = (file: string, text: string): string =>
    text.replace(NAMED, (whole, verb: string, list: string, target: string) => {
      const from = join(dirname(file), target)
      if (!first.has(from)) return whole
      const names = list
        .split(',')
        .map((part) => part.trim())
        .filter(Boolean)
      const parts = names.map((part) => {
        const [what, as = what] = part.split(/\s+as\s+/) as [string, string?]
        return `${alias(from, what)} as ${as}`
      })
      return `${verb} { ${parts.join(', ')} } from '${main}'`
    })
  /** Only what is used of it is taken, so that the first file does not need all of it. */
  const whole = (file: string, text: string): string =>
    text.replace(WHOLE, (line, as: string, target: string) => {
      const from = join(dirname(file), target)
      if (!first.has(from)) return line
      const used = new Set([...text.matchAll(new RegExp(`\\b${as}\\.(\\w+)`, 'g'))].map((match) => match[1]!))
      const taken = [...used].map((what) => `${alias(from, what)} as ${as}_${what}`)
      const members = [...used].map((what) => `${what}: ${as}_${what}`)
      return `import { ${taken.join(', ')} } from '${main}'; const ${as} = { ${members.join(', ')} };`
    })
  const codes = new Map([...later.files].map((file) => [file, rewritten(file)]))

  const places: Plugin = {
    name: 'places',
    setup(build) {
      build.onResolve({ filter: /^start:/ }, () => ({ path: mainFile, external: true }))
      build.onResolve({ filter: /^\.{1,2}\// }, ({ path, resolveDir, importer, kind }) => {
        const file = join(resolveDir || dirname(importer), path)
        if (kind === 'dynamic-import') {
          const target = left.has(file) ? 'never' : laterName(file)
          return { path: `./${target}.js`, external: true }
        }
        if (later.files.has(importer) && first.has(file))
          return { errors: [{ text: `${importer} imports ${path} in a form that is not rewritten` }] }
        return undefined
      })
      build.onLoad({ filter: /\.js$/ }, ({ path }) => {
        const contents = withHeads(codes.get(path) ?? (first.has(path) ? textOf(path) : undefined), path)
        return contents === undefined ? undefined : { contents, loader: 'js' }
      })
    },
  }
  /** A dynamic import of what the first file has is one of that file. */
  const withHeads = (text: string | undefined, file: string): string | undefined =>
    text?.replace(DYNAMIC, (whole, target: string) => {
      const to = join(dirname(file), target)
      return first.has(to) ? `import('${main}').then((start) => start.h${numbers.get(to)})` : whole
    })

  const imported = new Set([...first, ...later.files].flatMap((file) => targets(file, DYNAMIC)))
  const headFiles = [...imported].filter((file) => first.has(file))
  const heading = (): string => {
    return [
      `import './${entry}'`,
      ...headFiles.map((file) => `export * as h${numbers.get(file)} from '${file}'`),
      ...[...exported].map(([file, names]) => {
        const list = [...names].map((what) => `${what} as m${numbers.get(file)}_${what}`)
        return `export { ${list.join(', ')} } from '${file}'`
      }),
      `export * from './${entry}'`,
    ].join('\n')
  }
  const stdin = { contents: heading(), resolveDir: ROOT }
  return {
    first:
      compiledWith === undefined
        ? { stdin, outfile: `dist/programs/${name}.js`, plugins: [places] }
        : {
            stdin,
            outfile: `dist/programs/${name}.cjs`,
            plugins: [places],
            format: 'cjs',
            define: { 'import.meta.url': 'moduleUrl' },
            ...wrapping,
          },
    later: {
      entryPoints: Object.fromEntries(later.entries.map((file) => [laterName(file), file])),
      outdir: 'dist/programs',
      splitting: true,
      plugins: [places],
    },
    exported: [
      ...headFiles.map((file) => `h${numbers.get(file)}`),
      ...[...exported].flatMap(([file, names]) => [...names].map((what) => `m${numbers.get(file)}_${what}`)),
    ],
  }
}
