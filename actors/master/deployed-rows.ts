import { limits } from '../../runtime/limits.js'
import type { DeployedDriver } from '../messages/deployments.js'
import type { ClusterState } from './cluster-state.js'
import type { DriverEntry } from './driver-entry.js'
import { wasEndAsked } from './ending.js'
import type { DriverRecord } from './records.js'

const PREFIX = 'deployment/'

/** The name of the submission whose key this is; undefined: it comes from no deployment file. */
export function deployedName(key: string): string | undefined {
  const end = key.lastIndexOf('/')
  return key.startsWith(PREFIX) && end > PREFIX.length ? key.slice(PREFIX.length, end) : undefined
}

/** The key of the content that it has, or will have. */
export const keyWanted = ({ key, replacement }: Pick<DriverRecord, 'key' | 'replacement'>): string =>
  replacement?.key ?? key

/**
 * The driver of this key, if it has ended. Of one that ended long ago only its end is known. It is KILLED if
 * somebody asked for its end, so that the file may have it again: a service that exits with 0 on its stop
 * signal has not ended by itself.
 */
export function endedDeployedDriver(
  { keys, endedDrivers }: ClusterState,
  key: string,
): DeployedDriver | undefined {
  const record = keys.get(key)
  if (!record) return undefined
  const ended = endedDrivers.get(record.driverId)
  const asked = record.endAsked ?? (ended && wasEndAsked(ended))
  const state = asked ? 'KILLED' : (ended?.state ?? 'FINISHED')
  return { name: deployedName(key) ?? key, key, driverId: record.driverId, state }
}

export const deployedRow = (name: string, driver: DriverEntry): DeployedDriver => ({
  name,
  key: keyWanted(driver.record),
  driverId: driver.id,
  state: driver.shownState,
  ...(driver.record.replacement && { isBeingReplaced: true as const }),
})

/** Of deployment files, and not ended. */
export const liveDeployed = (cluster: ClusterState): DeployedDriver[] =>
  [...cluster.drivers.values()]
    .flatMap((driver) => {
      const name = deployedName(driver.record.key)
      return name === undefined ? [] : [deployedRow(name, driver)]
    })
    .slice(0, limits.deploymentSubmissions)

export const endedDeployed = (cluster: ClusterState, keys: readonly string[]): DeployedDriver[] =>
  keys.flatMap((key) => endedDeployedDriver(cluster, key) ?? [])
