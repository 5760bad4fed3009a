import { Buffer } from 'node:buffer'
import { createServer, type Server } from 'node:net'
import type { PlantedName } from './options.js'
import type { AnyTarget } from './target.js'

/* Targets with one defect each. A test shows with them that the fuzzer finds each kind. */

const kept: Buffer[] = []
const servers: Server[] = []
/** The input that triggers the defect. */
const EVIL = 137

const defects: Readonly<Record<PlantedName, (input: number) => unknown>> = {
  'planted-throw': (input) => {
    if (input === EVIL) throw new TypeError('planted')
  },
  'planted-rejection': (input) => {
    if (input === EVIL) void Promise.reject(new Error('planted'))
  },
  'planted-hang': (input) => {
    while (input === EVIL);
  },
  'planted-slow': (input) => {
    const untilMs = performance.now() + 1200
    while (input === EVIL && performance.now() < untilMs);
  },
  'planted-leak': () => kept.push(Buffer.alloc(64 * 1024, 1)),
  'planted-socket': (input) => {
    if (input === EVIL) servers.push(createServer().listen(0, '127.0.0.1').unref())
  },
  'planted-crash': (input) => {
    if (input === EVIL) process.abort()
  },
  'planted-broken': () => undefined,
}

export function plantedTarget(name: PlantedName): AnyTarget {
  return {
    name,
    atOnce: 1,
    ...(name === 'planted-broken' && { open: () => Promise.reject(new Error('planted')) }),
    generate: ({ index }) => index,
    run: (inputs) => {
      for (const input of inputs) defects[name](input as number)
      return inputs.map(() => 'fine')
    },
  }
}
