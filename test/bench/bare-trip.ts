import { fork } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { fileURLToPath } from 'node:url'
import { isMainThread, parentPort, Worker } from 'node:worker_threads'

/*
 * The way of one task without anything of ours: from a process through a socket to another one, through a
 * port to its thread, and back. No task of Firesteel can take less on this machine at this hour.
 */

const BYTES = 60

async function answer(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1').setNoDelay(true)
  const thread = new Worker(new URL(import.meta.url))
  socket.on('data', (bytes: Buffer) => thread.postMessage(bytes))
  thread.on('message', (bytes: Uint8Array) => socket.write(bytes))
  await once(socket, 'close')
  await thread.terminate()
}

/** Milliseconds of each trip, after some that are not measured. */
export async function bareTrips(warmUp: number, trips: number): Promise<number[]> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { readonly port: number }
  const child = fork(fileURLToPath(import.meta.url), [String(port)])
  const [socket] = (await once(server, 'connection')) as [Socket]
  socket.setNoDelay(true)
  const message = Buffer.alloc(BYTES)
  const times: number[] = []
  let arrived = (): void => undefined
  socket.on('data', () => arrived())
  for (let n = 0; n < warmUp + trips; n++) {
    const sentMs = performance.now()
    await new Promise<void>((resolve) => {
      arrived = resolve
      socket.write(message)
    })
    if (n >= warmUp) times.push(performance.now() - sentMs)
  }
  socket.destroy()
  server.close()
  await once(child, 'exit')
  return times
}

if (!isMainThread) parentPort?.on('message', (bytes: Uint8Array) => parentPort?.postMessage(bytes))
else if (process.argv[1] === fileURLToPath(import.meta.url)) await answer(Number(process.argv[2]))
