import { spawn } from 'node:child_process'

/** The command that opens an address in the browser of this desktop; undefined: there is no desktop. */
export function browserCommand(
  environment: Readonly<Record<string, string | undefined>>,
  platform: NodeJS.Platform = process.platform,
): string | undefined {
  if (platform === 'darwin') return environment.SSH_CONNECTION === undefined ? 'open' : undefined
  return environment.DISPLAY || environment.WAYLAND_DISPLAY ? 'xdg-open' : undefined
}

/** Resolves to true if the command runs. What it opens outlives this process. */
export function openInBrowser(command: string, address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const child = spawn(command, [address], { detached: true, stdio: 'ignore' })
    child.once('error', () => resolve(false))
    child.once('spawn', () => {
      child.unref()
      resolve(true)
    })
  })
}
