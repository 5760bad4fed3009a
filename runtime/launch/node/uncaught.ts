import { FiresteelError, reasonOf } from '../../errors.js'

export interface UncaughtWatch {
  /** Rejects at the first exception that nobody handled; never resolves. */
  readonly failed: Promise<never>
  close(): void
}

/**
 * Takes charge of what nobody caught, rejected promises among it: Node would end the process at once, before the log
 * has been written and before the launcher knows why. Who opens this watch must end the process once it rejects.
 */
export function watchUncaught(): UncaughtWatch {
  let fail: (error: Error) => void = () => {}
  const failed = new Promise<never>((_, reject) => {
    fail = reject
  })
  failed.catch(() => {})
  const onUncaught = (cause: unknown, origin: string): void =>
    fail(
      new FiresteelError('INTERNAL', `nobody handled an exception (${origin}): ${reasonOf(cause)}`, {
        cause,
      }),
    )
  process.on('uncaughtException', onUncaught)
  return { failed, close: () => process.off('uncaughtException', onUncaught) }
}
