import type { Leadership } from '../../actors/master/leadership-history.js'

/* The leaderships that the sample of the pages shows. */

const MINUTE = 60_000
const HOUR = 60 * MINUTE

/** Three Masters over two days: hand-overs, a crash, a frozen one. `sinceMs`: of the present one. */
export function sampleLeaderships(
  sinceMs: number,
  present: number,
  write: (text: string, field: string) => string,
): readonly Leadership[] {
  const at = (host: number): string => write(`firesteel://10.0.0.${host}:7070`, 'leadership.address')
  const begins = [47 * HOUR, 30 * HOUR, 11 * HOUR, 10 * HOUR + 50 * MINUTE].map((ms) => sinceMs - ms)
  const [first, second, third, fourth] = begins as [number, number, number, number]
  return [
    {
      epoch: present - 4,
      address: at(2),
      sinceMs: first,
      isOlder: true,
      end: { atMs: second - 40, how: 'handedOver', reason: '' },
    },
    {
      epoch: present - 3,
      address: at(1),
      sinceMs: second,
      end: {
        atMs: third - 90,
        how: 'handedOver',
        reason: write('it hears 0 of 6 workers, 10.0.0.3:7070 hears 6', 'leadership.reason'),
      },
    },
    {
      epoch: present - 2,
      address: at(3),
      sinceMs: third,
      end: { atMs: fourth - 310, how: 'closed', reason: '' },
    },
    {
      epoch: present - 1,
      address: at(2),
      sinceMs: fourth,
      end: { atMs: sinceMs, how: 'replaced', reason: '' },
    },
    { epoch: present, address: at(1), sinceMs },
  ]
}
