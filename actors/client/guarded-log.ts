import type { Log } from '../../runtime/observe/log.js'

/**
 * Wraps the log of the program. Its exceptions never reach the logging code. The first one is logged to
 * `instead`, the library's own log, because the program must learn elsewhere that its log is broken.
 */
export function guardedLog(log: Log, instead: Log): Log {
  let told = false
  const guard =
    <A extends unknown[], R>(call: (...args: A) => R, otherwise: R) =>
    (...args: A): R => {
      try {
        return call(...args)
      } catch (error) {
        if (!told) instead.error('the log given to connect() threw', { error })
        told = true
        return otherwise
      }
    }
  const wrap = (inner: Log): Log => {
    const wrapped: Log = {
      error: guard((message, fields) => inner.error(message, fields), undefined),
      warn: guard((message, fields) => inner.warn(message, fields), undefined),
      info: guard((message, fields) => inner.info(message, fields), undefined),
      debug: guard((message, fields) => inner.debug(message, fields), undefined),
      isEnabled: guard((level) => inner.isEnabled(level), true),
      child: (fields) => guard(() => wrap(inner.child(fields)), wrapped)(),
    }
    return wrapped
  }
  return wrap(log)
}
