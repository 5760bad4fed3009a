import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import type { LagReading } from './lag-probe.js'

/** Options of Node that make a process report its lag at this socket. */
export const probeOptions = (at: string): string[] => [
  '--import',
  `${new URL('./lag-probe.js', import.meta.url).href}?at=${encodeURIComponent(at)}`,
]

/** The lag since the last reading. */
export function readLag(at: string): Promise<LagReading> {
  return new Promise((resolve, reject) => {
    let text = ''
    const socket = connect(at)
    socket.setEncoding('utf8')
    socket.on('data', (chunk: string) => {
      text += chunk
    })
    socket.on('error', reject)
    socket.on('end', () => resolve(JSON.parse(text) as LagReading))
  })
}

/** Memory of a process in MiB; 0 when it is gone. */
export function memoryMibOf(pid: number): number {
  try {
    const [, kib = '0'] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1')) ?? []
    return Math.round(Number(kib) / 1024)
  } catch {
    return 0
  }
}
