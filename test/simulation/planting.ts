import { spawn } from 'node:child_process'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

/** One changed line of a compiled file. */
export interface Change {
  /** Below the build. */
  readonly file: string
  /** Occurs there exactly once. */
  readonly find: string
  readonly replace: string
}

/** A mistake that is planted in a copy of the build. */
export interface Mistake extends Change {
  readonly name: string
  /** The other lines of a mistake that is not made in one. */
  readonly also?: readonly Change[]
}

/** Throws unless each text occurs exactly once: a mistake that is not there would prove nothing. */
export async function plant(folder: string, mistake: Mistake): Promise<void> {
  for (const [file, text] of await plantedFiles(folder, mistake)) await writeFile(join(folder, file), text)
}

async function plantedFiles(folder: string, { name, also = [], ...first }: Mistake) {
  const files = new Map<string, string>()
  for (const { file, find, replace } of [first, ...also]) {
    const text = files.get(file) ?? (await readFile(join(folder, file), 'utf8'))
    const times = text.split(find).length - 1
    if (times !== 1)
      throw new Error(`${name}: ${JSON.stringify(find)} stands ${times} times in ${file}, not once`)
    files.set(
      file,
      text.replace(find, () => replace),
    )
  }
  return files
}

/**
 * What JavaScript says where code names what is not there. Whoever hears it has found that a line is broken,
 * and not that it is wrong. A sentence of our own has its full stop behind it.
 */
const unknownName = /.* (?:is not defined|is not a (?:function|constructor)|before initialization)(?![.\w]).*/

/** The line of a failure that says so; undefined: it may be a find. */
export const unknownNameIn = (text: string): string | undefined => unknownName.exec(text)?.[0].trim()

/**
 * Asks the compiler about all of these. Returns those that name a variable, a member or a parameter that
 * does not exist, or that are no program, each with what the compiler says: they would fail wherever they
 * run, without the mistake that they are to plant. `build` has the compiled files and their types.
 */
export async function unplantable(
  build: string,
  mistakes: readonly Mistake[],
): Promise<Map<Mistake, string>> {
  if (mistakes.length === 0) return new Map()
  // Beside the build, so that types of packages are found from it.
  const folder = await mkdtemp(join(build, '..', 'dist-mutant-'))
  try {
    const copies: [Mistake, file: string, clean: string, planted: string][] = []
    const texts = new Map<string, string>()
    for (const [index, mistake] of mistakes.entries()) {
      for (const [file, text] of await plantedFiles(build, mistake)) {
        const [clean, planted] = [copyOf(file, 'clean'), copyOf(file, String(index))]
        if (!texts.has(clean)) texts.set(clean, await readFile(join(build, file), 'utf8'))
        texts.set(planted, text)
        copies.push([mistake, file, clean, planted])
      }
    }
    for (const [file, text] of texts) {
      await mkdir(dirname(join(folder, file)), { recursive: true })
      await writeFile(join(folder, file), text)
    }
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(settings(build, [...texts.keys()])))
    const said = complaintsIn(await compilerOutput(folder))
    return new Map(
      copies.flatMap(([mistake, file, clean, planted]) => {
        const found = added(said.get(clean) ?? [], said.get(planted) ?? [])
        return found === undefined ? [] : [[mistake, `${file}: ${found}`] as const]
      }),
    )
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Each copy has a name of its own, so that what it imports is found in the build. */
const copyOf = (file: string, tag: string): string => file.replace(/\.js$/, `.${tag}.js`)

const settings = (build: string, files: readonly string[]) => ({
  compilerOptions: {
    ...{ module: 'nodenext', target: 'es2023', lib: ['es2023', 'esnext.disposable'], types: ['node'] },
    ...{ allowJs: true, checkJs: true, noEmit: true, strict: false, skipLibCheck: true },
    rootDirs: ['.', build],
  },
  files,
})

/**
 * What is no program, but for an empty statement; a name or a member that does not exist, perhaps not yet;
 * a call of what cannot be called, or without all that it takes.
 */
const refused = /^(?!TS1313)TS(1\d{3}|2304|2339|2349|2351|2448|2551|2552|2554|18004):/

/** By file. Throws for what concerns no file: the compiler has not looked at them then. */
export function complaintsIn(output: string): Map<string, string[]> {
  const complaints = new Map<string, string[]>()
  for (const line of output.split('\n')) {
    const [, file, text = ''] = /^(.+)\(\d+,\d+\): error (TS\d+: .*)$/.exec(line) ?? []
    if (file === undefined) {
      if (/^\S/.test(line)) throw new Error(`the compiler says: ${line}`)
    } else if (refused.test(text)) complaints.set(file, [...(complaints.get(file) ?? []), text])
  }
  return complaints
}

/** The first that the file did not have before. */
function added(before: readonly string[], after: readonly string[]): string | undefined {
  const known = [...before]
  return after.find((text) => {
    const at = known.indexOf(text)
    if (at >= 0) known.splice(at, 1)
    return at < 0
  })
}

function compilerOutput(folder: string): Promise<string> {
  const compiler = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc')
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [compiler, '-p', folder, '--pretty', 'false'], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let output = ''
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString()
    })
    child.once('error', reject)
    child.once('close', (code) => {
      if (code === 0 || output !== '') resolve(output)
      else reject(new Error(`the compiler ended with ${code} and said nothing`))
    })
  })
}
