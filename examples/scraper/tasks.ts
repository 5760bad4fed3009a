import { context, NoRetry } from 'firesteel/task'

export interface Page {
  readonly title: string
  readonly bytes: number
}

/** Reads one page. */
export async function readPage(url: string): Promise<Page> {
  // The signal is aborted when the time of this attempt is over, so the request ends with it.
  const response = await fetch(url, { signal: context().signal })
  const body = await response.text()
  // What is not there now will not be there in a second. What is busy may be.
  if (response.status === 404 || response.status === 410) throw new NoRetry(`HTTP ${response.status}`)
  if (!response.ok) throw new Error(`HTTP ${response.status}`)
  return { title: /<title>(.*?)<\/title>/i.exec(body)?.[1] ?? '', bytes: body.length }
}
