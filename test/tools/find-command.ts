import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/** The path of a command; throws if PATH has none. `npm test` installs what the tests need. */
export function findCommand(command: string): string {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    const path = join(folder, command)
    try {
      accessSync(path, constants.X_OK)
      return path
    } catch {
      // Not in this folder.
    }
  }
  throw new Error(`${command} is not on PATH: run node dist/test/setup/install.js`)
}

/** Why a test that needs this command is skipped; false if it is there. */
export function commandMissing(command: string): string | false {
  try {
    findCommand(command)
    return false
  } catch {
    return `${command} is not installed`
  }
}
