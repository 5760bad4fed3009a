/**
 * A file to count. Its path is kept as latin1, one character a byte: names on disk need not be UTF-8, and a name that
 * was decoded and encoded again may be another one.
 */
export interface FoundFile {
  readonly path: string
  readonly bytes: number
}

/** What the file system takes. */
export const pathBytes = (path: string): Buffer => Buffer.from(path, 'latin1')

/** For people. */
export const shownPath = (path: string): string => pathBytes(path).toString('utf8')

/** From what people type. */
export const typedPath = (path: string): string => Buffer.from(path, 'utf8').toString('latin1')
