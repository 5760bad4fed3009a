import { launchers, logReaders } from './askers.js'
import { codePeers } from './code-peers.js'
import { nodes, peers } from './peers.js'
import { type Attack, strangers } from './strangers.js'
import type { Target } from './target.js'
import { tlsStrangers } from './tls-strangers.js'
import { work } from './work.js'

/* The process of an attacker. It runs one attack until it is told to end. */

export interface AttackOrder {
  readonly attack: string
  readonly target: Target
}

const attacks: Readonly<Record<string, Attack>> = {
  ...strangers,
  ...tlsStrangers,
  ...peers,
  ...nodes,
  ...logReaders,
  ...launchers,
  ...codePeers,
  ...work,
}

process.once('message', ({ attack, target }: AttackOrder) => {
  const counts: Record<string, number> = {}
  attacks[attack]?.(target, (what) => {
    counts[what] = (counts[what] ?? 0) + 1
  })
  process.once('message', () => process.send?.(counts, () => process.exit(0)))
})
process.once('disconnect', () => process.exit(0))
