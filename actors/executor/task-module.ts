import { access } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { FiresteelError, reasonOf } from '../../runtime/errors.js'
import { exportOf, isModule, type TaskFunction } from './module-export.js'

/** The builtin behind commands of `each`: not a file anybody can put elsewhere. */
export const COMMAND_URL = 'firesteel:command'

export type { TaskFunction }

/** The types of Node 20 do not know this feature yet. */
const stripsTypes = Boolean((process.features as { typescript?: unknown }).typescript)

/**
 * The export `name` of the module at `url`. Rejects with TASK_MODULE_NOT_FOUND, TASK_MODULE_TYPESCRIPT,
 * TASK_MODULE_FAILED or TASK_NOT_A_FUNCTION, naming host and path.
 */
export async function loadTaskFunction(url: string, name: string, host: string): Promise<TaskFunction> {
  const { module } = await loadModule(url, host)
  const found = exportOf(module, name)
  if ('call' in found) return found.call
  const place = placeOf(url, host)
  throw new FiresteelError('TASK_NOT_A_FUNCTION', `The export ${name} of ${place} ${found.problem}.`, {
    place,
  })
}

/** In an object: a promise of a module that exports `then` would be that of what it resolves to. */
interface Loaded {
  readonly module: Readonly<Record<string, unknown>>
}

async function loadModule(url: string, host: string): Promise<Loaded> {
  if (url === COMMAND_URL) return { module: { ...(await import('./command.js')) } }
  const path = await existingPath(url, host)
  const place = placeOf(url, host)
  if (isTypeScript(path) && !stripsTypes) {
    throw new FiresteelError(
      'TASK_MODULE_TYPESCRIPT',
      `${place} is TypeScript, and Node ${process.version} there does not strip types.`,
      { place },
    )
  }
  try {
    return await importModule(url)
  } catch (cause) {
    const message = `${place} could not be loaded: ${reasonOf(cause)}${lineOf(cause)}`
    // Node tells the line of a syntax error only to a program of its own.
    const help = cause instanceof SyntaxError ? `Run node ${path} there: it shows the line.` : undefined
    throw new FiresteelError('TASK_MODULE_FAILED', message, { place, cause, ...(help && { help }) })
  }
}

async function importModule(url: string): Promise<Loaded> {
  const module: unknown = await import(url)
  if (isModule(module)) return { module }
  // It exports a function called `then`, so that import() took it for a promise. Inside another module it is none.
  const text = `import * as module from ${JSON.stringify(url)}; export { module }`
  return (await import(`data:text/javascript,${encodeURIComponent(text)}`)) as Loaded
}

/** Of a syntax error in CommonJS, whose message names no place: it is the first line of its stack. */
function lineOf(cause: unknown): string {
  if (!(cause instanceof SyntaxError)) return ''
  const place = /^(?:file:\/\/)?(\/[^\n]*:\d+)\n/.exec(cause.stack ?? '')?.[1]
  return place === undefined ? '' : ` (${place})`
}

/** Looked at before the import: Node would remember the failure, and not say which file of many was missing. */
async function existingPath(url: string, host: string): Promise<string> {
  const place = placeOf(url, host)
  const path = pathOf(url)
  if (path === undefined) {
    throw new FiresteelError('TASK_MODULE_NOT_FOUND', `${place} is not the URL of a file.`, {
      place,
      help: 'Name the module as new URL("./tasks.js", import.meta.url).',
    })
  }
  if (await exists(path)) return path
  const source = path.replace(/\.([mc]?)js$/, '.$1ts')
  if (source !== path && (await exists(source))) {
    const help = stripsTypes ? `Name ${source} itself.` : undefined
    throw new FiresteelError(
      'TASK_MODULE_TYPESCRIPT',
      `The task module ${place} does not exist; only ${source} stands beside it.`,
      { place, ...(help && { help }) },
    )
  }
  throw new FiresteelError('TASK_MODULE_NOT_FOUND', `The task module ${path} does not exist on ${host}.`, {
    place,
  })
}

const isTypeScript = (path: string): boolean => /\.[mc]?ts$/.test(path)
const placeOf = (url: string, host: string): string => `${host}:${pathOf(url) ?? url}`

function pathOf(url: string): string | undefined {
  try {
    return fileURLToPath(url)
  } catch {
    return undefined
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path)
    return true
  } catch {
    return false
  }
}
