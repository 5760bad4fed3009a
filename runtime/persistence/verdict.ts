import type { Deposed, Fence, Rewound } from './engine.js'

/** What the fence is compared with. */
export interface StoredFence extends Fence {
  readonly seq: number
  readonly writeId: string
}

/**
 * Protocol 3, the one comparison before every write. Without `prev` (a touch) the write id is not compared: it
 * then proves who leads, not where the history stands.
 */
export function verdict(
  stored: StoredFence,
  fence: Fence,
  prev?: string,
  writeId?: string,
): { readonly kind: 'go' | 'duplicate' } | Deposed | Rewound {
  if (stored.epoch > fence.epoch || (stored.epoch === fence.epoch && stored.owner !== fence.owner)) {
    return { kind: 'deposed', epoch: stored.epoch, owner: stored.owner }
  }
  const rewound: Rewound = {
    kind: 'rewound',
    position: { epoch: stored.epoch, seq: stored.seq },
    writeId: stored.writeId,
  }
  if (stored.epoch < fence.epoch) return rewound
  if (prev === undefined) return { kind: 'go' }
  if (writeId !== undefined && stored.writeId === writeId) return { kind: 'duplicate' }
  return stored.writeId === prev ? { kind: 'go' } : rewound
}
