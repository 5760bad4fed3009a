import { createServer } from 'node:net'

/**
 * Below the range from which the kernel takes ports for connections. So the port stays free while its owner
 * restarts.
 */
const LEAST = 20_000
const MOST = 30_000
const TRIES = 200

export async function quietPort(): Promise<number> {
  for (let i = 0; i < TRIES; i++) {
    const port = LEAST + Math.floor(Math.random() * (MOST - LEAST))
    if (await isFree(port)) return port
  }
  throw new Error(`no port from ${LEAST} to ${MOST} is free`)
}

function isFree(port: number): Promise<boolean> {
  const server = createServer()
  return new Promise((resolve) => {
    server.once('error', () => resolve(false))
    server.listen(port, '0.0.0.0', () => server.close(() => resolve(true)))
  })
}
