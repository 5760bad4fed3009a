import { createServer } from 'node:net'

/**
 * Below the range from which the kernel takes ports for connections and for port 0. A port from there could
 * be taken until its owner listens, or while it restarts.
 */
const LEAST = 10_000
const MOST = 32_000
/** Ports from where one process begins to where one with the next id does: more than a test needs. */
const STRIDE = 40

let next = LEAST + ((process.pid * STRIDE) % (MOST - LEAST))

/** A port of the loopback that is free, and that neither this process nor another test gets soon. */
export async function freePort(): Promise<number> {
  for (let tries = LEAST; tries < MOST; tries++) {
    const port = next
    next = port + 1 < MOST ? port + 1 : LEAST
    if (await isFree(port)) return port
  }
  throw new Error(`no port from ${LEAST} to ${MOST} is free`)
}

function isFree(port: number): Promise<boolean> {
  const server = createServer()
  return new Promise((resolve) => {
    server.once('error', () => resolve(false))
    // Whoever listens on any address of this machine has it.
    server.listen(port, '0.0.0.0', () => server.close(() => resolve(true)))
  })
}
