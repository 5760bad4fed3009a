import { limits } from '../../runtime/limits.js'
import type { MasterChangeAcknowledged } from '../messages/applications.js'

/**
 * The answer to a new leader, cut into messages that the link of a client carries. They are sent in one go,
 * so that no later event is told between them. The first one describes the application.
 */
export function* acknowledgementPages(
  whole: MasterChangeAcknowledged,
  items: number = limits.reportItems,
): Generator<MasterChangeAcknowledged> {
  const { description, executors, ...rest } = whole
  for (let at = 0; at === 0 || at < executors.length; at += items) {
    yield {
      ...rest,
      ...(at === 0 && { description }),
      executors: executors.slice(at, at + items),
      ...(at + items < executors.length && { more: true }),
    }
  }
}
