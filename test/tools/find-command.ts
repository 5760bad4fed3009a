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
