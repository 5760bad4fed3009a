import { MasterClient } from '../../actors/client/master-client.js'
import { carryOut } from '../../runtime/launch/cli/apply/carry-out.js'
import { deploy, hasNothingToDo } from '../../runtime/launch/cli/apply/deploy.js'
import { type Survey, surveyDrivers } from '../../runtime/launch/cli/apply/survey.js'
import type { DialOptions } from '../../runtime/transport/dial.js'
import type { Link } from '../../runtime/transport/link.js'
import type { DeploymentFile } from './deployment-file.js'
import type { Place } from './place.js'
import { codeOf } from './sim-submitter.js'
import type { SimWorld } from './sim-world.js'

/** How an apply ended, as the person who ran it was told. */
export type ApplyEnd =
  | { readonly kind: 'applied'; readonly number: number }
  | { readonly kind: 'nothing' }
  | { readonly kind: 'refused'; readonly code: string }

const nowhere = { file: 'cluster.yaml', folder: '/srv' } as const

/** One process of `firesteel apply`: the shipped client, and the shipped course, plan and steps. */
export class SimApplier {
  readonly place: Place
  readonly file: DeploymentFile
  /** Its end; undefined: it is at work, or was killed. */
  end: ApplyEnd | undefined
  /** Its deployment, once it may change something. */
  number: number | undefined
  /** How often it has seen what there is. */
  looks = 0
  readonly #world: SimWorld
  readonly #client: MasterClient
  readonly #prune: boolean
  readonly #signal = new AbortController().signal
  #links = 0
  /** Links that it had opened, and the leader's epoch, when it got its place. */
  #begunWith: { readonly links: number; readonly epoch: number | undefined } | undefined

  constructor(world: SimWorld, place: Place, file: DeploymentFile, prune: boolean) {
    this.place = place
    this.file = file
    this.#world = world
    this.#prune = prune
    const dialWith = world.network.dialFrom(place)
    this.#client = new MasterClient({
      cluster: world.cluster,
      masters: world.masterAddresses,
      credential: { role: 'client', tls: undefined, key: world.key },
      incarnation: world.incarnation(place.name),
      masterTimeoutMs: 20_000,
      clock: place,
      timers: place,
      random: world.random.fork().next,
      dialWith: async (options: DialOptions): Promise<Link> => {
        const link = await dialWith(options)
        this.#links++
        return link
      },
    })
    this.#apply().then(
      (number) => this.#over(number === undefined ? { kind: 'nothing' } : { kind: 'applied', number }),
      (error: unknown) => this.#over({ kind: 'refused', code: codeOf(error) }),
    )
  }

  /** It is told that another one has its place, though its link to the leader never ended. */
  get wasRobbed(): boolean {
    if (this.end?.kind !== 'refused' || this.end.code !== 'FIRESTEEL_APPLY_OVERTAKEN') return false
    const { links, epoch } = this.#begunWith ?? {}
    return epoch !== undefined && links === this.#links && epoch === this.#client.leader?.epoch
  }

  #apply(): Promise<number | undefined> {
    const { text, submissions } = this.file
    const client = this.#client
    const signal = this.#signal
    const wanted = { masters: [], workers: [] }
    const survey = { client, wanted, launchers: [], submissions, prune: this.#prune, signal }
    return deploy<Survey>({
      client,
      signal,
      look: async () => {
        // The second look follows the answer that gives it its place. Another one may take that meanwhile.
        if (this.looks > 0) this.#begunWith ??= { links: this.#links, epoch: this.#client.leader?.epoch }
        const found = await surveyDrivers(survey)
        this.looks++
        return { ...found, present: { ...nowhere, text: '{}' } }
      },
      goesOn: async (shown) => !hasNothingToDo(shown),
      begin: ({ state: { newest }, present }) => ({
        ...nowhere,
        text,
        by: this.place.name,
        changes: [],
        after: newest,
        ...(newest === 0 && { former: present }),
      }),
      carryOut: (held, number) => this.#carryOut(held, number),
    })
  }

  #carryOut(survey: Survey, number: number): Promise<void> {
    this.number = number
    return carryOut({
      io: { err: async () => {}, interrupted: this.#signal },
      client: this.#client,
      found: { cluster: this.#world.cluster } as Parameters<typeof carryOut>[0]['found'],
      survey,
      text: this.file.text,
      number,
      drainMs: undefined,
      isQuiet: true,
      onWait: () => {},
      onStep: async ({ kind, ...step }) => this.#world.tell(this.place.name, kind, step),
      pause: (ms) => new Promise((resolve) => this.place.after(ms, resolve)),
    })
  }

  #over(end: ApplyEnd): void {
    this.end = end
    this.#world.tell(this.place.name, 'the apply ended', end)
    this.#world.checks.deployments.applyEnded(this)
    this.place.later(1, () => this.place.kill())
  }
}
