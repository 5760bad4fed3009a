import { ExecutorSession, type SessionLink } from '../../actors/executor/session.js'
import type { LaunchExecutor } from '../../actors/messages/executors.js'
import { parseActorAddress } from '../../runtime/addresses.js'
import { limits } from '../../runtime/limits.js'
import { throwUncaught } from '../../runtime/system/uncaught.js'
import { LinkKeeper } from '../../runtime/transport/link-keeper.js'
import { Place } from './place.js'
import { SimThreads } from './sim-threads.js'
import type { SimWorld } from './sim-world.js'

/** An executor process: the shipped session and threads, over simulated links and on simulated time. */
export class SimExecutor {
  readonly place: Place

  constructor(world: SimWorld, worker: Place, launch: LaunchExecutor, onExit: () => void) {
    const { host, port } = parseActorAddress(`firesteel://${launch.driver}`)
    // On its Worker's host, and cut off with it.
    const place = new Place(worker.name, worker.machine)
    place.onTurn = world.touched
    this.place = place
    const random = world.random.fork()
    const runner = new SimThreads(world, place, random, launch, {
      onResult: (attempt, status, body) => session.result(attempt, status, body),
      onStarted: (attempts) => session.started(attempts),
      onProgress: (progress) => session.progress(progress),
      onOutput: (part) => session.output(part),
      onReturned: (attempts) => session.returned(attempts),
      onLog: (text) => session.log(text),
      onUseless: onExit,
    })
    const { appId, execId, workerId, cores } = launch
    const session = new ExecutorSession({
      hello: { execId, workerId, host: worker.machine.host, cores, pid: 1, resources: {} },
      runner,
      onExit,
      onDefect: throwUncaught,
    })
    const incarnation = world.incarnation(`${appId}.${execId}`)
    let stopWaiting: () => void = () => {}
    const waitAlone = (): void => {
      stopWaiting()
      stopWaiting = place.after(limits.applicationTimeoutMs, onExit)
    }
    waitAlone()
    const keeper = new LinkKeeper({
      host,
      port,
      identity: { cluster: world.cluster, incarnation },
      role: 'application',
      subject: appId,
      tls: undefined,
      key: world.key,
      clock: place,
      timers: place,
      random: random.next,
      dialWith: world.network.dialFrom(place),
      deadMs: limits.driverLinkDeadMs,
      onLink: (link) => {
        stopWaiting()
        session.link(link as unknown as SessionLink)
      },
      onDown: waitAlone,
    })
    place.onDeath(() => keeper.close())
  }
}
