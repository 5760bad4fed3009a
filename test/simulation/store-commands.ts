import fc from 'fast-check'
import {
  type Delete,
  type PastElection,
  type Put,
  type Table,
  tables,
} from '../../runtime/persistence/engine.js'

/** The fence that a candidate sends, compared with that of its election. */
export type FenceKind = 'own' | 'epochBelow' | 'epochAbove' | 'otherOwner'
/** The write id that it sends, compared with the right one. */
export type WriteIdKind = 'own' | 'none' | 'other'

interface Reading {
  readonly by: number
  readonly fence: FenceKind
  readonly writeId: WriteIdKind
  readonly table: Table
}

/**
 * Commands to a store as data, so that a failing sequence can be shrunk and printed. `by` is a candidate (0
 * to 2), or 3 and above for the leader of the leader record. `slot` is one of two places for saved states; a
 * third is always empty.
 */
export type StoreCommand =
  /** Reads the leader record, for a later elect. */
  | { readonly do: 'look'; readonly by: number }
  | {
      readonly do: 'elect'
      readonly by: number
      readonly seen: 'now' | 'looked' | 'nobody' | 'otherOwner' | 'otherEpoch'
      readonly received: 'nothing' | 'below' | 'same' | 'above'
      readonly earlier: readonly PastElection[] | undefined
      /** It asks with another format than the store has. */
      readonly mistakesFormat: boolean
    }
  | {
      readonly do: 'commit'
      readonly by: number
      readonly fence: FenceKind
      /** `again` is the newest commit once more, `late` any older one with the fence of its time. */
      readonly which: 'next' | 'again' | 'late' | 'otherWriteId' | 'otherSeq'
      readonly pick: number
      /** The candidate does not get the outcome. */
      readonly lost: boolean
      /** The store's format goes one up. */
      readonly raises: boolean
      readonly puts: readonly Put[]
      readonly deletes: readonly Delete[]
    }
  | { readonly do: 'touch'; readonly by: number; readonly fence: FenceKind; readonly writeId: WriteIdKind }
  | { readonly do: 'leave'; readonly by: number; readonly fence: FenceKind }
  /** Begins a scan. Its further pages come between other commands. */
  | ({ readonly do: 'scan'; readonly slot: number } & Reading)
  | { readonly do: 'page'; readonly slot: number }
  /** All pages at once. */
  | ({ readonly do: 'readAll' } & Reading)
  | { readonly do: 'save' | 'fall'; readonly slot: number }
  | { readonly do: 'full'; readonly full: boolean }

/** Weighted. A sequence shrinks to the first one. */
function often<T extends string>(usual: T, weight: number, ...rare: T[]): fc.Arbitrary<T> {
  return fc.oneof(
    { weight, arbitrary: fc.constant(usual) },
    ...rare.map((arbitrary) => ({ weight: 1, arbitrary: fc.constant(arbitrary) })),
  )
}

const oddIds = ['a "quoted"\tid', '"json"', '\ud800 half a pair', '\u00e9\u{1f600}', '0', ' ']
const id = fc.oneof(
  { weight: 8, arbitrary: fc.nat({ max: 11 }).map((n) => `id-${n}`) },
  { weight: 1, arbitrary: fc.constantFrom(...oddIds) },
)
const table = fc.constantFrom(...tables)
const past = fc
  .tuple(
    fc.nat({ max: 2 ** 31 }),
    fc.constantFrom('m1-00ff', 'a.b_c-9'),
    fc.nat({ max: 9 }),
    fc.nat({ max: 99 }),
  )
  .map(([epoch, owner, foundEpoch, seq]) => ({ epoch, owner, base: { epoch: foundEpoch, seq } }))
const earlier = fc.option(fc.array(past, { maxLength: 3 }), { nil: undefined })
const fields = fc.record({ v: fc.nat({ max: 99 }), text: fc.constantFrom('', 'x'.repeat(80), '\u00e9 "\n') })
const unreadableJson = fc.constantFrom(
  '',
  'nonsense',
  'null',
  '5',
  '"text"',
  '{"no":"id"}',
  '[1]',
  '{"id":7}',
)

function putsOf(unreadable: boolean): fc.Arbitrary<Put[]> {
  const good = fc.tuple(id, fields).map(([id, more]) => ({ id, json: JSON.stringify({ id, ...more }) }))
  const bad = fc.record({ id, json: unreadableJson })
  const content = unreadable ? fc.oneof({ weight: 3, arbitrary: good }, { weight: 1, arbitrary: bad }) : good
  const put = fc.tuple(table, content).map(([table, content]) => ({ table, ...content }))
  return fc.uniqueArray(put, { maxLength: 10, selector: ({ table, id }) => `${table} ${id}` })
}

const deletes = fc.uniqueArray(fc.record({ table, id }), {
  maxLength: 6,
  selector: ({ table, id }) => `${table} ${id}`,
})
const by = fc.nat({ max: 6 })
const slot = fc.nat({ max: 1 })
const rarely = fc.nat({ max: 5 }).map((n) => n === 5)
const fence = often<FenceKind>('own', 12, 'epochBelow', 'epochAbove', 'otherOwner')
const writeId = often<WriteIdKind>('own', 6, 'none', 'other')
const reading = { by, fence, writeId: often<WriteIdKind>('own', 2, 'none', 'none', 'other'), table }

const some = <T>(weight: number, arbitrary: fc.Arbitrary<T>): fc.WeightedArbitrary<T> => ({
  weight,
  arbitrary,
})

/**
 * One command. If records may be unreadable, a scan is not cut into pages: when they are set aside depends on
 * which page is the last, and a model of HSCAN cannot know that.
 */
export function storeCommand(unreadable: boolean): fc.Arbitrary<StoreCommand> {
  const put = putsOf(unreadable)
  const none = fc.constant([])
  const commit = {
    do: fc.constant('commit' as const),
    by,
    fence,
    which: often('next', 8, 'again', 'late', 'otherWriteId', 'otherSeq'),
    pick: fc.nat({ max: 9 }),
    lost: rarely,
    raises: rarely,
  }
  const scans: fc.WeightedArbitrary<StoreCommand>[] = [
    some(3, fc.record({ do: fc.constant('scan' as const), slot, ...reading })),
    some(6, fc.record({ do: fc.constant('page' as const), slot })),
  ]
  return fc.oneof(
    some(2, fc.record({ do: fc.constant('look' as const), by })),
    some(
      6,
      fc.record({
        do: fc.constant('elect' as const),
        by: fc.nat({ max: 3 }),
        seen: often('now', 5, 'looked', 'looked', 'nobody', 'otherOwner', 'otherEpoch'),
        received: often('nothing', 3, 'below', 'same', 'above'),
        earlier,
        mistakesFormat: rarely,
      }),
    ),
    some(10, fc.record({ ...commit, puts: put, deletes })),
    some(3, fc.record({ ...commit, puts: none, deletes })),
    some(1, fc.record({ ...commit, puts: none, deletes: none })),
    some(4, fc.record({ do: fc.constant('touch' as const), by, fence, writeId })),
    some(1, fc.record({ do: fc.constant('leave' as const), by, fence })),
    ...(unreadable ? [] : scans),
    some(unreadable ? 6 : 2, fc.record({ do: fc.constant('readAll' as const), ...reading })),
    some(2, fc.record({ do: fc.constant('save' as const), slot })),
    some(1, fc.record({ do: fc.constant('fall' as const), slot: fc.constantFrom(0, 0, 0, 1, 1, 1, 2) })),
    some(1, fc.record({ do: fc.constant('full' as const), full: fc.constantFrom(false, false, true) })),
  )
}
