import { deployedName, keyWanted } from '../../actors/master/deployed-rows.js'
import { driverDigest } from '../../actors/master/driver-digest.js'
import type { DeploymentRecord, DriverRecord } from '../../actors/master/records.js'
import { isEndedDriver } from '../../actors/messages/common.js'
import type { DeployedDriver, DeploymentResponse } from '../../actors/messages/deployments.js'
import { submissionKey } from '../../runtime/launch/cli/submission-key.js'
import type { CommitRequest } from '../../runtime/persistence/engine.js'
import { type DeploymentFile, readFile } from './deployment-file.js'
import type { SimApplier } from './sim-applier.js'
import type { SimChild } from './sim-child.js'
import type { StoreModel } from './store-model.js'
import type { Fail } from './violation.js'
import type { WatchedWorld } from './watched-world.js'

/**
 * Deployments: only what is being applied changes drivers of files, one apply at a time has the right to, and
 * what is called applied is what the file says.
 */
export class DeployWatch {
  readonly #world: WatchedWorld
  readonly #model: StoreModel
  readonly #fail: Fail
  /** Drivers whose content was ever replaced, so that they begin again though they have ended. */
  readonly #replaced = new Set<string>()
  /** The key that each driver of a file has, or will have, as the store held it last. */
  readonly #keys = new Map<string, string>()
  readonly #killed = new Set<string>()
  #applying: DeploymentRecord | undefined

  constructor(world: WatchedWorld, model: StoreModel, fail: Fail) {
    this.#world = world
    this.#model = model
    this.#fail = fail
  }

  isReplaced(driverId: string): boolean {
    return this.#replaced.has(driverId)
  }

  applyEnded(applier: SimApplier): void {
    if (this.#world.checks.debts.falls === 0 && applier.wasRobbed)
      this.#fail(
        'claim',
        `${applier.place.name} applied deployment ${applier.number} over one link, and another one took it`,
      )
    const { end } = applier
    if (end?.kind === 'refused' && !end.code.startsWith('FIRESTEEL_'))
      this.#fail('defect', `${applier.place.name} failed: ${end.code}`)
  }

  /** A leader has written this. */
  committed({ puts }: CommitRequest): void {
    const begun = puts.flatMap(({ table, json }) =>
      table === 'deployment' ? [JSON.parse(json) as DeploymentRecord] : [],
    )
    const may = [...(this.#applying ? [this.#applying] : []), ...begun]
    for (const { table, json } of puts) {
      if (table !== 'driver') continue
      const record = JSON.parse(json) as DriverRecord
      this.#expectItsKey(record)
      this.#driverWritten(record, may)
    }
    if (begun.length === 0) return
    this.#findApplying()
    const last = begun.at(-1)!
    if (last.state === 'APPLIED' && last.number === this.#numbers().at(-1)) this.#applied(last)
  }

  /** What the store holds now counts. */
  storeFell(): void {
    this.#findApplying()
  }

  #numbers(): number[] {
    return this.#deployments().map(({ number }) => number)
  }

  #deployments(): DeploymentRecord[] {
    return [...this.#model.rows('deployment')]
      .map(([, json]) => JSON.parse(json) as DeploymentRecord)
      .sort((a, b) => a.number - b.number)
  }

  /** One at a time, and no older one than the newest. */
  #findApplying(): void {
    const all = this.#deployments()
    const applying = all.filter(({ state }) => state === 'APPLYING')
    this.#applying = applying.at(-1)
    if (this.#world.checks.debts.falls > 0) return
    if (applying.length > 1 || (applying.length === 1 && applying[0] !== all.at(-1)))
      this.#fail(
        'claim',
        `these deployments are being applied: ${applying.map(({ number }) => number).join()} of ${all.length}`,
      )
  }

  /** Also after the store fell: who applies the file of this key would be told that nothing is to be done. */
  #expectItsKey({ id, key, digest, description }: DriverRecord): void {
    if (digest !== driverDigest(description))
      this.#fail('claim', `the digest of ${id} is that of other content`)
    if (deployedName(key) !== undefined && key !== submissionKey(description))
      this.#fail(
        'claim',
        `${id} has the key ${key}, and its content is that of ${submissionKey(description)}`,
      )
  }

  /** Whoever may change something has named it, or does not name it any more. */
  #driverWritten(record: DriverRecord, may: readonly DeploymentRecord[]): void {
    const name = deployedName(record.key)
    if (name === undefined) return
    const { id, replacement, wanted, killAsked } = record
    if (replacement) this.#replaced.add(id)
    const key = keyWanted(record)
    const isNew = this.#keys.get(id) !== key
    this.#keys.set(id, key)
    const isKill = wanted === 'KILL' && !this.#killed.has(id)
    if (isKill) this.#killed.add(id)
    if (this.#world.checks.debts.falls > 0) return
    if (isNew && !may.some(({ text }) => keysOf(readFile(text)).includes(key)))
      this.#fail('claim', `${id} is to be ${key}, which no deployment that is being applied names`)
    if (isKill && !may.some(({ number }) => killAsked?.by === `deployment ${number}`))
      this.#fail('claim', `${id} is to end for ${killAsked?.by}, which is not being applied`)
  }

  /** Each submission of it has one driver with its content, or has had its end. */
  #applied({ number, text }: DeploymentRecord): void {
    if (this.#world.checks.debts.falls > 0) return
    const rows = [...this.#model.rows('driver')].map(([, json]) => JSON.parse(json) as DriverRecord)
    for (const { name, key } of readFile(text).submissions) {
      const live = rows.filter((row) => deployedName(row.key) === name)
      const [row, ...more] = live
      const isEnded = !row && this.#model.get('key', key) !== undefined
      const isSo = row && more.length === 0 && row.key === key && !row.replacement && row.wanted === 'RUN'
      if (isEnded || isSo) continue
      const told = live.map((one) => `${one.id} ${one.key} ${one.wanted} -> ${one.replacement?.key}`)
      this.#fail(
        'applied',
        `deployment ${number} is applied, and of ${key} there is ${told.join() || 'none'}`,
      )
    }
  }

  /** No program of a file that must stop on isolation runs beside a driver of the same name. */
  childStarted(child: SimChild): void {
    if (child.plan.kind !== 'startDriver' || this.#world.checks.debts.falls > 0) return
    const { driverId, description } = child.plan.launch
    if (description.env.CONTENT === undefined || description.onIsolation !== 'stop') return
    for (const other of this.#world.running) {
      if (other.plan.kind !== 'startDriver' || other.plan.launch.driverId === driverId) continue
      const { description: of } = other.plan.launch
      if (of.env.CONTENT !== undefined && of.name === description.name)
        this.#fail('S3b', `${child.process} started while ${other.process}, of the same name, runs`)
    }
  }

  /** All is quiet, and this file was applied last: what the leader shows, the store holds, and runs. */
  finally({ file, end }: SimApplier, { newest, deployment, submissions, ended }: DeploymentResponse): void {
    const say = (text: string): void => this.#fail('applied', `${text}, after ${file.text} was applied`)
    // Where there was nothing to do, another file had made it so.
    const isIts = deployment?.text === file.text && deployment.state === 'APPLIED'
    if (end?.kind === 'applied' && !isIts)
      say(`deployment ${newest} is ${deployment?.state} ${deployment?.text}`)
    const others = this.#deployments().filter(({ state }) => state === 'APPLYING')
    if (end?.kind === 'applied' && others.length > 0)
      say(`deployment ${others[0]?.number} of ${newest} is still being applied`)
    const wanted = new Map(file.submissions.map(({ name, key }) => [name, key]))
    const seen = new Set<string>()
    for (const driver of submissions) {
      if (wanted.get(driver.name) !== driver.key || seen.has(driver.name)) say(`there is ${told(driver)}`)
      seen.add(driver.name)
    }
    for (const [name, key] of wanted) {
      const end = ended.find((driver) => driver.key === key)
      if (!seen.has(name) && (!end || !isEndedDriver(end.state) || end.state === 'KILLED'))
        say(`of ${key} there is ${end ? told(end) : 'nothing'}`)
    }
    this.#expectStored(submissions, say)
    this.#expectRunning(submissions, say)
  }

  #expectStored(submissions: readonly DeployedDriver[], say: (text: string) => void): void {
    const stored = [...this.#model.rows('driver')]
      .map(([, json]) => JSON.parse(json) as DriverRecord)
      .filter(({ key }) => deployedName(key) !== undefined)
      .map((record) => `${record.id} ${keyWanted(record)}`)
    const shown = submissions.map(({ driverId, key }) => `${driverId} ${key}`)
    if (stored.sort().join() !== shown.sort().join())
      say(`the store holds ${stored.join()}, the leader shows ${shown.join()}`)
  }

  /** Its Worker alone remembered it, and knows no keys (docs/failure-model.md). */
  #isAdopted(driverId: string): boolean {
    const json = this.#model.get('driver', driverId)
    if (json === undefined || this.#world.checks.debts.falls === 0) return false
    return deployedName((JSON.parse(json) as DriverRecord).key) === undefined
  }

  /** Nothing of a former file runs on, and no driver twice. */
  #expectRunning(submissions: readonly DeployedDriver[], say: (text: string) => void): void {
    const seen = new Set<string>()
    for (const { plan, process } of this.#world.running) {
      if (plan.kind !== 'startDriver') continue
      const { driverId, description } = plan.launch
      if (description.env.CONTENT === undefined) continue
      const driver = submissions.find((one) => one.driverId === driverId)
      if (!driver && this.#isAdopted(driverId)) continue
      const content = `deployment/${description.name}/`
      if (!driver?.key.startsWith(content) || !isContent(driver.key, description.env.CONTENT, driver.name))
        say(`${process} runs with content ${description.env.CONTENT}, and there is ${told(driver)}`)
      if (seen.has(driverId)) say(`${process} runs twice`)
      seen.add(driverId)
    }
  }
}

const keysOf = ({ submissions }: DeploymentFile): string[] => submissions.map(({ key }) => key)

const isContent = (key: string, content: string, name: string): boolean =>
  keysOf(readFile(JSON.stringify({ [name]: Number(content) }))).includes(key)

const told = (driver: DeployedDriver | undefined): string =>
  driver ? `${driver.driverId} ${driver.key} ${driver.state}` : 'no such driver'
