import { connect, isFiresteelError } from 'firesteel'

/*
 * A program of a user, for client-processes.test.ts: what it prints is looked at, and that it ends by itself.
 */

export const square = (n: number): number => n * n

async function main(mode: string | undefined): Promise<void> {
  const app = await connect(mode === 'local' ? 'local' : undefined, { cores: 1 })
  try {
    const { square } = app.tasks<typeof import('./client-program.js')>(import.meta.url)
    console.log(mode === 'local' ? await square(7) : app.id)
    // Until it is killed.
    if (mode === 'stay') await new Promise((resolve) => setTimeout(resolve, 600_000))
  } finally {
    await app.close()
  }
}

// Executors load this module for its task; they have other arguments.
if (process.argv[1] === new URL(import.meta.url).pathname) {
  try {
    await main(process.argv[2])
  } catch (error) {
    console.log(isFiresteelError(error) ? error.code : error)
  }
}
