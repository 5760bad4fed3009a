import { spawn, spawnSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { waitUntil } from '../harness/wait-until.js'

export const hasRedis = (): boolean => spawnSync('redis-server', ['--version']).status === 0

export interface BenchRedis {
  readonly port: number
  stop(): Promise<void>
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const address = server.address()
  const port = typeof address === 'object' && address ? address.port : 0
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** A Redis of our own: free port, temporary folder, append-only as a queue needs it. */
export async function startRedis(): Promise<BenchRedis> {
  const port = await freePort()
  const directory = await mkdtemp(join(tmpdir(), 'firesteel-redis-'))
  const flags = [
    '--port',
    `${port}`,
    '--bind',
    '127.0.0.1',
    '--save',
    '',
    '--appendonly',
    'yes',
    '--dir',
    directory,
  ]
  const child = spawn('redis-server', flags, { stdio: 'ignore' })
  const exited = new Promise((resolve) => child.once('exit', resolve))
  const answers = () =>
    spawnSync('redis-cli', ['-p', `${port}`, 'PING'])
      .stdout.toString()
      .trim() === 'PONG'
  await waitUntil('Redis to answer', answers)
  return {
    port,
    stop: async () => {
      child.kill('SIGKILL')
      await exited
      await rm(directory, { recursive: true, force: true })
    },
  }
}
