import { FiresteelError } from '../../errors.js'
import type { Deposed, Rewound } from '../engine.js'
import type { ClusterKeys } from './keys.js'
import { strange } from './leader-record.js'

type Reply = readonly unknown[]

/** First word of a script's reply. Throws STORE_UNREADABLE if a key is not ours. */
export function expectOurs(reply: Reply, keys: ClusterKeys): string {
  const kind = String(reply[0])
  if (kind === 'STRANGE') throw strange(keys.leader)
  if (kind !== 'FOREIGN') return kind
  throw new FiresteelError(
    'STORE_UNREADABLE',
    `A key of this cluster in Redis is a ${String(reply[2])}, not a hash.`,
    {
      place: String(reply[1]),
      help: 'Something else writes this key. Rename it away or restore it from a backup; nothing was changed.',
    },
  )
}

/** The outcome if the fence no longer holds; undefined: it holds. */
export function fenceReply(reply: Reply): Deposed | Rewound | undefined {
  const [kind, epoch, third, writeId] = reply.map(String)
  if (kind === 'DEPOSED') return { kind: 'deposed', epoch: Number(epoch), owner: third ?? '' }
  if (kind !== 'REWOUND') return undefined
  return { kind: 'rewound', position: { epoch: Number(epoch), seq: Number(third) }, writeId: writeId ?? '' }
}
