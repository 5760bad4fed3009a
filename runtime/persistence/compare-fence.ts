import type { Deposed, Fence, Rewound } from './engine.js'

/** The stored side of the comparison. */
export interface StoredFence extends Fence {
  readonly seq: number
  readonly writeId: string
}

/**
 * The comparison before every write (protocol 3). Without `prev` (a touch) the write id is not compared: the
 * touch then proves which Master leads, and not where the history stands.
 */
export function compareFence(
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
