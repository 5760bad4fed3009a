import { dirname, join, resolve } from 'node:path'
import {
  formatMasterAddress,
  formatMasterAddresses,
  MASTER_ADDRESS_DEFAULT,
  MASTER_PORT_DEFAULT,
  parseMasterAddresses,
} from '../../runtime/addresses.js'
import { credentialPath } from '../../runtime/credentials.js'
import { FiresteelError, reasonOf } from '../../runtime/errors.js'
import { portHolder } from '../../runtime/process/port-holder.js'
import {
  clusterPath,
  findStateFolder,
  livingLauncher,
  readIfThere,
  SECRET_FILE,
  STATE_FOLDER,
  secretPath,
} from '../../runtime/state-folder.js'
import type { TlsFiles } from '../../runtime/tls/material.js'
import { clientTls } from '../../runtime/tls/tls-told.js'
import { deriveKey } from '../../runtime/transport/keys.js'
import { looksLikeToken } from '../../runtime/transport/token.js'
import type { DriverIncarnation } from '../messages/common.js'
import type { DriverBoot } from './boot.js'
import type { Credential } from './credential.js'
import { givenToken, keptToken } from './find-token.js'

/** A cluster to use: the addresses of its Masters and a credential. */
export interface FoundCluster {
  /** '' if only an address is known: any cluster with the secret. */
  readonly cluster: string
  /** `firesteel://host:port` of each Master. */
  readonly masters: readonly string[]
  readonly credential: Credential
  /** Set inside a driver that `submit` started. */
  readonly driver?: DriverIncarnation | undefined
  /** The options of `run`. */
  readonly masterTimeoutMs?: number
  readonly idleTimeoutMs?: number
  readonly code?: DriverBoot['code']
  readonly summaries?: false
  readonly output?: true
  /** True: the embedded cluster of this process or of the command that started it. */
  readonly local?: boolean
  /** Set if nobody named this cluster: the error for the case that nothing listens at its addresses. */
  readonly absent?: FiresteelError
}

export interface FindOptions {
  /** `firesteel://host:port[,host:port...]` as the caller gave it. */
  readonly address?: string | undefined
  readonly secret?: string | undefined
  /** Files of TLS, from `cwd`. */
  readonly tls?: TlsFiles | undefined
  readonly token?: string | undefined
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  /** The boot line that `submit` or `run` gave this process. */
  readonly boot?: DriverBoot | undefined
}

/**
 * Finds Masters and a credential: from the given address, else from the boot line of `submit` or `run`, else
 * from FIRESTEEL_MASTER, else from what `up` left in this folder or the nearest above it, else at the default
 * port of this machine. Throws ADDRESS_INVALID, CONFIG_UNREADABLE, FOLDER_UNTRUSTED, SECRET_MISSING,
 * TOKEN_INVALID.
 */
export function findCluster(options: FindOptions): FoundCluster {
  const { address, env, cwd, boot, secret, token } = options
  const isNamed = secret !== undefined || token !== undefined
  const isBooted = boot !== undefined && !isNamed && isOfBoot(boot, address)
  if (isBooted) return fromBoot(boot)
  const named = address ?? env.FIRESTEEL_MASTER
  // A token may do less than the secret, so it goes first where both are there.
  const ofToken = secret ? undefined : givenToken(options)
  const given = secret || (ofToken ? undefined : env.FIRESTEEL_SECRET || credentialSecret(env))
  // A folder that is not needed is not looked at: its owner and mode do not matter then.
  const folder = named && (given || ofToken) ? undefined : findStateFolder(cwd)
  const state = named || folder === undefined ? undefined : readState(folder)
  const masters = parseMasterAddresses(named || (state ? state.masters : MASTER_ADDRESS_DEFAULT))
  const credential = ofToken ??
    (given ? undefined : keptToken(cwd, folder)) ?? {
      role: 'client' as const,
      key: deriveKey(noToken(given || secretOf(folder, cwd, named)), 'client'),
    }
  const tls = tlsFiles(options, folder)
  const absent = named ? undefined : absenceOf(folder, state, cwd)
  return {
    cluster: state?.cluster ?? '',
    masters: masters.map(formatMasterAddress),
    credential: { ...credential, tls: tls && clientTls(tls) },
    ...(absent && { absent }),
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
  tls,
  driver,
  masterTimeoutMs,
  idleTimeoutMs,
  code,
  summaries,
  output,
  local,
}: DriverBoot): FoundCluster {
  const addresses = masters.flatMap((master) => parseMasterAddresses(master))
  return {
    cluster,
    masters: addresses.map(formatMasterAddress),
    credential: {
      role,
      ...(subject !== undefined && { subject }),
      key: Buffer.from(key, 'base64'),
      tls: tls && clientTls(tls),
    },
    ...(driver && { driver }),
    ...(typeof masterTimeoutMs === 'number' && { masterTimeoutMs }),
    ...(typeof idleTimeoutMs === 'number' && { idleTimeoutMs }),
    // JSON has no Infinity.
    ...(idleTimeoutMs === 'never' && { idleTimeoutMs: Number.POSITIVE_INFINITY }),
    ...(code && { code }),
    ...(summaries === false && { summaries }),
    ...(output === true && { output }),
    ...(local === true && { local }),
  }
}

interface State {
  readonly cluster: string
  /** All Masters in one address. */
  readonly masters: string
  readonly tls: TlsFiles | undefined
  /** Where the secret is, if not in the folder. */
  readonly secretFile: string | undefined
}

function readState(folder: string): State | undefined {
  const path = clusterPath(folder)
  const text = readIfThere(path)
  if (text === undefined) return undefined
  try {
    type Keys = 'cluster' | 'masters' | 'tls' | 'secretFile'
    const { cluster, masters, tls, secretFile } = JSON.parse(text) as Record<Keys, unknown>
    if (typeof cluster !== 'string' || !Array.isArray(masters) || masters.length === 0) {
      throw new TypeError('it names no Masters')
    }
    return {
      cluster,
      masters: formatMasterAddresses(masters.flatMap((master) => parseMasterAddresses(String(master)))),
      tls: writtenTls(tls),
      secretFile: typeof secretFile === 'string' ? secretFile : undefined,
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

/** What the caller names, else the environment, else what `up` wrote; undefined: no TLS. */
function tlsFiles({ tls, env, cwd }: FindOptions, folder: string | undefined): TlsFiles | undefined {
  const { FIRESTEEL_TLS_CA: ca, FIRESTEEL_TLS_CERT: cert, FIRESTEEL_TLS_KEY: key } = env
  if (!ca && (cert || key) && !tls) {
    const message = 'FIRESTEEL_TLS_CERT and FIRESTEEL_TLS_KEY need FIRESTEEL_TLS_CA, the CA of the nodes.'
    throw new FiresteelError('USAGE', message, { place: 'FIRESTEEL_TLS_CA' })
  }
  const { FIRESTEEL_TLS_CRL: crl } = env
  const given =
    tls ?? (ca ? { ca, cert: cert || undefined, key: key || undefined, crl: crl || undefined } : undefined)
  if (!given) return folder === undefined ? undefined : readState(folder)?.tls
  if ((given.cert === undefined) !== (given.key === undefined)) {
    throw new FiresteelError('USAGE', 'TLS: a certificate needs its key, and a key its certificate.', {
      place: 'tls',
    })
  }
  const at = (path: string | undefined): string | undefined => path && resolve(cwd, path)
  return { ca: resolve(cwd, given.ca), cert: at(given.cert), key: at(given.key), crl: at(given.crl) }
}

function writtenTls(tls: unknown): TlsFiles | undefined {
  if (typeof tls !== 'object' || tls === null) return undefined
  const { ca, crl } = tls as Record<string, unknown>
  if (typeof ca !== 'string') throw new TypeError('its tls names no ca')
  return { ca, ...(typeof crl === 'string' && { crl }) }
}

/** A machine may have the token of its Worker in the place of the secret. */
function noToken(secret: string): string {
  if (!looksLikeToken(secret)) return secret
  const message =
    'What is given as the secret of the cluster is a token. Commands find one in FIRESTEEL_TOKEN.'
  throw new FiresteelError('TOKEN_INVALID', message, {
    help: 'The token of a Worker opens nothing for commands: ask an admin for one of another role.',
  })
}

/** The secret that the supervisor of this process gave to it. */
function credentialSecret(env: FindOptions['env']): string | undefined {
  const path = credentialPath(SECRET_FILE, env)
  return path && readIfThere(path)?.replace(/\r?\n$/, '')
}

/** The secret that `up` uses. Throws SECRET_MISSING with what to do. */
function secretOf(folder: string | undefined, cwd: string, named: string | undefined): string {
  const kept = folder && (readState(folder)?.secretFile ?? secretPath(folder))
  const found = kept && readIfThere(kept)?.replace(/\r?\n$/, '')
  if (found) return found
  if (!named && folder && kept && livingLauncher(folder) !== undefined) {
    const message = `A cluster is up in ${dirname(folder)}, and its secret is not in ${kept}.`
    throw new FiresteelError('SECRET_MISSING', message, {
      place: kept,
      help: 'Set FIRESTEEL_SECRET to what it was started with, or FIRESTEEL_TOKEN to a token for clients.',
    })
  }
  const place = join(cwd, STATE_FOLDER, 'secret')
  if (named) {
    const message = `There is no cluster secret: FIRESTEEL_SECRET is not set, and no ${STATE_FOLDER}/secret is in ${cwd} or a folder above it.`
    throw new FiresteelError('SECRET_MISSING', message, { place })
  }
  const elsewhere = portHolder(MASTER_PORT_DEFAULT)?.folder
  const other = elsewhere === undefined ? '' : ` One runs in ${elsewhere}.`
  const message = `No cluster is up in ${cwd} or a folder above it, and FIRESTEEL_SECRET is not set.${other}`
  throw new FiresteelError('SECRET_MISSING', message, {
    place,
    help: elsewhere === undefined ? START : `Run this in ${elsewhere}, or start another: ${START}`,
  })
}

const START =
  'Start one here with `firesteel up --detach`, or name a cluster elsewhere with --master and FIRESTEEL_SECRET.'

/** What to say if nothing listens at addresses that nobody named; undefined while `up` starts or runs. */
function absenceOf(
  folder: string | undefined,
  state: State | undefined,
  cwd: string,
): FiresteelError | undefined {
  if (folder !== undefined && livingLauncher(folder) !== undefined) return undefined
  const message =
    folder !== undefined && state
      ? `The cluster of ${dirname(folder)} does not run any more.`
      : `No cluster is up in ${cwd} or a folder above it, and nothing listens at ${MASTER_ADDRESS_DEFAULT}.`
  return new FiresteelError('NO_MASTER', message, { help: START })
}
