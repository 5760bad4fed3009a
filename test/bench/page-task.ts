/** Reads one page without Firesteel, with its attempts: what people write for plain Node and for Piscina. */
export async function readPageWithRetries(url: string): Promise<string> {
  for (let attempt = 1; ; attempt++) {
    const time = new AbortController()
    const timer = setTimeout(() => time.abort(new Error('timeout')), TIMEOUT_MS)
    try {
      const response = await fetch(url, { signal: time.signal })
      const body = await response.text()
      if (response.status === 404) return body
      if (!response.ok) throw new Error(`HTTP ${response.status}`)
      return body
    } catch (error) {
      if (attempt > RETRIES) throw error
    } finally {
      clearTimeout(timer)
    }
    await new Promise((resolve) => setTimeout(resolve, FIRST_WAIT_MS * 2 ** (attempt - 1)))
  }
}

const TIMEOUT_MS = 2000
const RETRIES = 4
const FIRST_WAIT_MS = 250
