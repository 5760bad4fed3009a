import { access } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { FiresteelError, reasonOf } from '../../runtime/errors.js'

/** The builtin behind commands of `each`: not a file anybody can put elsewhere. */
export const COMMAND_URL = 'firesteel:command'

export type TaskFunction = (...args: unknown[]) => unknown

/** The types of Node 20 do not know this feature yet. */
const stripsTypes = Boolean((process.features as { typescript?: unknown }).typescript)

/**
 * The export `name` of the module at `url`. Rejects with TASK_MODULE_NOT_FOUND, TASK_MODULE_TYPESCRIPT,
 * TASK_MODULE_FAILED or TASK_NOT_A_FUNCTION, naming host and path.
 */
export async function loadTaskFunction(url: string, name: string, host: string): Promise<TaskFunction> {
  const module = await loadModule(url, host)
  const found = module[name]
  if (typeof found === 'function') return found as TaskFunction
  const kind = found === undefined ? 'does not exist' : `is ${found === null ? 'null' : `a ${typeof found}`}`
  throw new FiresteelError('TASK_NOT_A_FUNCTION', `The export ${name} of ${placeOf(url, host)} ${kind}.`, {
    place: placeOf(url, host),
  })
}

async function loadModule(url: string, host: string): Promise<Record<string, unknown>> {
  if (url === COMMAND_URL) return (await import('./command.js')) as Record<string, unknown>
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
    return (await import(url)) as Record<string, unknown>
  } catch (cause) {
    throw new FiresteelError('TASK_MODULE_FAILED', `${place} could not be loaded: ${reasonOf(cause)}`, {
      place,
      cause,
    })
  }
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
