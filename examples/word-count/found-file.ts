/**
 * A file to count. Its path is kept as latin1, one character per byte, because names on disk need not be
 * UTF-8, and decoding and encoding could change such a name.
 */
export interface FoundFile {
  readonly path: string
  readonly bytes: number
}

/** The path for the file system. */
export const pathBytes = (path: string): Buffer => Buffer.from(path, 'latin1')

/** The path for people. */
export const shownPath = (path: string): string => pathBytes(path).toString('utf8')

/** Makes it from a path that a person typed. */
export const typedPath = (path: string): string => Buffer.from(path, 'utf8').toString('latin1')
