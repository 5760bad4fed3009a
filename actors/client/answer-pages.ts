import { LauncherPages } from './launcher-pages.js'
import { StatePages } from './master-state.js'
import type { MasterRequest } from './request-types.js'

/** An answer that comes in pages. */
interface AnswerPages {
  /** The next request to send. */
  readonly request: MasterRequest
  /** Takes the answer to that request. Returns the whole, or undefined while more pages follow. */
  add(page: never): object | undefined
}

/** Undefined: this request has one answer. */
export function pagesOf(message: MasterRequest): AnswerPages | undefined {
  if (message.type === 'RequestMasterState') return new StatePages(message)
  return message.type === 'RequestLaunchers' ? new LauncherPages() : undefined
}
