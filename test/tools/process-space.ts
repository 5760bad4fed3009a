import { execFileSync } from 'node:child_process'

/** The arguments of `unshare` for processes of their own, which end with the one that made them. */
export const processSpace = ['--fork', '--pid', '--mount', '--mount-proc', '--kill-child'] as const

/** Why no such space can be made here; false if it can. */
export function processSpaceRefused(more: readonly string[] = []): string | false {
  try {
    execFileSync('unshare', [...processSpace, ...more, '--', 'true'], { stdio: 'ignore' })
    return false
  } catch {
    return 'a space of processes needs root, and unshare'
  }
}
