/** What a Master waits for. A timer of the same kind and subject takes the place of the one before. */
export type MasterTimer =
  | { readonly kind: Alone }
  /** The applications of this peer have not linked, or not answered. */
  | { readonly kind: 'application'; readonly endpoint: string }
  /** A driver waits until the processes of its former launch must be gone. */
  | { readonly kind: 'relaunch'; readonly driverId: string }
  /** A Worker is not linked: is its port refused? Asked so many times. */
  | { readonly kind: 'probe'; readonly workerId: string; readonly number: number }
  /** A back-off or an exclusion: this application or driver leaves that Worker alone for a while. */
  | { readonly kind: 'launch'; readonly subject: string; readonly workerId: string }
  /** An executor may soon have run for as long as a start takes. */
  | { readonly kind: 'lasted'; readonly appId: string; readonly execId: number }
  /** The time of a drain is over. */
  | { readonly kind: 'drain'; readonly drainId: string }
  /** Executors wait for the application that the store forgot. */
  | { readonly kind: 'adopt'; readonly appId: string }
  /** An adopted application waits for the Workers of its executors. */
  | { readonly kind: 'workers-of'; readonly appId: string }

/** `again`: a pass of placing goes on. `kept-ends`: no lost write can come any more. */
type Alone = 'again' | 'sweep' | 'pulse' | 'recovery-quiet' | 'recovery-max' | 'kept-ends'

const CAUSED: ReadonlySet<MasterTimer['kind']> = new Set([
  'application',
  'relaunch',
  'drain',
  'adopt',
  'workers-of',
  'recovery-quiet',
  'recovery-max',
])

/** Whether a trace shows this timer as an effect of what set it. Those that repeat begin their own traces. */
export const hasCause = ({ kind }: MasterTimer): boolean => CAUSED.has(kind)

/** One key for each timer that can run beside the others. */
export function keyOfTimer(timer: MasterTimer): string {
  switch (timer.kind) {
    case 'application':
      return `${timer.kind}:${timer.endpoint}`
    case 'adopt':
    case 'workers-of':
      return `${timer.kind}:${timer.appId}`
    case 'drain':
      return `drain:${timer.drainId}`
    case 'relaunch':
      return `relaunch:${timer.driverId}`
    case 'probe':
      return `probe:${timer.workerId}/${timer.number}`
    case 'launch':
      return `launch:${timer.subject}/${timer.workerId}`
    case 'lasted':
      return `lasted:${timer.appId}/${timer.execId}`
    default:
      return timer.kind
  }
}
