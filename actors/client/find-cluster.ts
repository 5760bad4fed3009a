import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  formatMasterAddress,
  formatMasterAddresses,
  MASTER_ADDRESS_DEFAULT,
  parseMasterAddresses,
} from '../../runtime/addresses.js'
import { FiresteelError, reasonOf, systemCodeOf } from '../../runtime/errors.js'
import { deriveKey } from '../../runtime/transport/keys.js'
import type { DriverIncarnation } from '../messages/common.js'
import type { DriverBoot } from './boot.js'
import type { Credential } from './credential.js'

/** A cluster to use: the addresses of its Masters and a credential. */
export interface FoundCluster {
  /** '' if only an address is known: any cluster with the secret. */
  readonly cluster: string
  /** `firesteel://host:port` of each Master. */
  readonly masters: readonly string[]
  readonly credential: Credential
  /** Set inside a driver that `submit` started. */
  readonly driver?: DriverIncarnation | undefined
  /** The option of `run`. */
  readonly masterTimeoutMs?: number
}

export interface FindOptions {
  /** `firesteel://host:port[,host:port...]` as the caller gave it. */
  readonly address?: string | undefined
  readonly secret?: string | undefined
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  /** The boot line that `submit` or `run` gave this process. */
  readonly boot?: DriverBoot | undefined
}

/** The folder in which `up` leaves its state, below the working folder. */
const STATE_FOLDER = '.firesteel'

/**
 * Finds Masters and a credential: from the given address, else from the boot line of `submit` or `run`, else
 * from FIRESTEEL_MASTER, else from what `up` left in this folder, else at the default port of this machine.
 * Throws ADDRESS_INVALID, CONFIG_UNREADABLE, SECRET_MISSING, SECRET_TOO_SHORT.
 */
export function findCluster(options: FindOptions): FoundCluster {
  const { address, env, cwd, boot, secret } = options
  const isBooted = boot !== undefined && secret === undefined && isOfBoot(boot, address)
  if (isBooted) return fromBoot(boot)
  const named = address ?? env.FIRESTEEL_MASTER
  const state = named ? undefined : readState(cwd)
  const masters = parseMasterAddresses(named || (state ? state.masters : MASTER_ADDRESS_DEFAULT))
  const key = deriveKey(secret ?? findSecret(env, cwd), 'client')
  return {
    cluster: state?.cluster ?? '',
    masters: masters.map(formatMasterAddress),
    credential: { role: 'client', key },
  }
}

/** A driver that names an address of its own cluster has no secret; it uses the credential of its start. */
function isOfBoot(boot: DriverBoot, address: string | undefined): boolean {
  if (address === undefined) return true
  const known = new Set(
    boot.masters.flatMap((master) => parseMasterAddresses(master).map(formatMasterAddress)),
  )
  return parseMasterAddresses(address).some((master) => known.has(formatMasterAddress(master)))
}

function fromBoot({
  cluster,
  masters,
  role,
  subject,
  key,
  driver,
  masterTimeoutMs,
}: DriverBoot): FoundCluster {
  const addresses = masters.flatMap((master) => parseMasterAddresses(master))
  return {
    cluster,
    masters: addresses.map(formatMasterAddress),
    credential: { role, ...(subject !== undefined && { subject }), key: Buffer.from(key, 'base64') },
    ...(driver && { driver }),
    ...(typeof masterTimeoutMs === 'number' && { masterTimeoutMs }),
  }
}

interface State {
  readonly cluster: string
  /** All Masters in one address. */
  readonly masters: string
}

function readState(cwd: string): State | undefined {
  const path = join(cwd, STATE_FOLDER, 'cluster.json')
  const text = readIfThere(path)
  if (text === undefined) return undefined
  try {
    const { cluster, masters } = JSON.parse(text) as { cluster?: unknown; masters?: unknown }
    if (typeof cluster !== 'string' || !Array.isArray(masters) || masters.length === 0) {
      throw new TypeError('it names no Masters')
    }
    return {
      cluster,
      masters: formatMasterAddresses(masters.flatMap((master) => parseMasterAddresses(String(master)))),
    }
  } catch (cause) {
    throw new FiresteelError(
      'CONFIG_UNREADABLE',
      `${path} is not what \`firesteel up\` writes: ${reasonOf(cause)}.`,
      {
        place: path,
        help: 'Give an address, or run `firesteel up` again.',
        cause,
      },
    )
  }
}

/** FIRESTEEL_SECRET, else the secret that `up` wrote in this folder. Throws SECRET_MISSING. */
export function findSecret(env: FindOptions['env'], cwd: string): string {
  const path = join(cwd, STATE_FOLDER, 'secret')
  const secret = env.FIRESTEEL_SECRET || readIfThere(path)?.replace(/\r?\n$/, '')
  if (secret) return secret
  throw new FiresteelError(
    'SECRET_MISSING',
    `There is no cluster secret: FIRESTEEL_SECRET is not set and ${path} does not exist.`,
    {
      place: path,
    },
  )
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    const code = systemCodeOf(cause)
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw new FiresteelError('CONFIG_UNREADABLE', `${path} cannot be read: ${reasonOf(cause)}.`, {
      place: path,
      cause,
    })
  }
}
