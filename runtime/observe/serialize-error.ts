import { innerLimits } from '../inner-limits.js'

const MAX_CAUSES = innerLimits.errorCauses

/** An error as plain data, because JSON.stringify alone gives `{}` for it. */
export function serializeError(error: Error, depth = 0): Record<string, unknown> {
  const { name, message, stack, cause } = error
  const extra = error as Error & { code?: unknown; place?: unknown; errors?: unknown }
  const record: Record<string, unknown> = { name, message }
  if (extra.code !== undefined) record.code = extra.code
  if (extra.place !== undefined) record.place = extra.place
  if (stack !== undefined) record.stack = stack
  if (depth >= MAX_CAUSES) return record
  if (cause !== undefined) record.cause = cause instanceof Error ? serializeError(cause, depth + 1) : cause
  if (Array.isArray(extra.errors)) {
    record.errors = extra.errors.map((inner) =>
      inner instanceof Error ? serializeError(inner, depth + 1) : inner,
    )
  }
  return record
}
