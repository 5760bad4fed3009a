import { STATUS_CODES } from 'node:http'
import { limits } from '../limits.js'

/** Body of every refusal: a stable code and a sentence. */
export const refusal = (code: string, message: string) => ({ error: { code: `FIRESTEEL_${code}`, message } })

/** A whole answer for a request that is refused before any route. The connection ends with it. */
export function plainAnswer(status: number, code: string, message: string): string {
  const body = JSON.stringify(refusal(code, message))
  const retry = status === 429 || status === 503 ? `Retry-After: ${limits.httpRetryAfterSeconds}\r\n` : ''
  const type = 'Content-Type: application/json'
  const head = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${type}\r\nContent-Length: ${Buffer.byteLength(body)}`
  return `${head}\r\n${retry}Connection: close\r\n\r\n${body}`
}
