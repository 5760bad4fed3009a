let given: number | undefined

/**
 * From now on nobody but its user reads what this process makes, even where no mode was named. Only a node
 * calls it, and only once: a process that it starts would inherit it.
 */
export function writePrivately(): void {
  given ??= process.umask(0o077)
}

/**
 * Runs `start`, which starts a process synchronously. The process gets the umask that this one was started
 * with: the files of a user's program are its own affair.
 */
export function withGivenUmask<T>(start: () => T): T {
  if (given === undefined) return start()
  const own = process.umask(given)
  try {
    return start()
  } finally {
    process.umask(own)
  }
}
