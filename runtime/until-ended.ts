/**
 * Waits until the work has ended, well or not. Rejects with the reason of the signal if that comes before,
 * so that who waits keeps nothing until then.
 */
export async function untilEnded(work: Promise<unknown> | undefined, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  if (work === undefined) return
  await new Promise<void>((resolve, reject) => {
    const leave = (): void => reject(signal.reason)
    const ended = (): void => {
      signal.removeEventListener('abort', leave)
      resolve()
    }
    signal.addEventListener('abort', leave, { once: true })
    work.then(ended, ended)
  })
}
