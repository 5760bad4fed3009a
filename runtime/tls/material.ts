import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { isIpAddress } from '../addresses.js'
import { reasonOf } from '../errors.js'
import { innerLimits } from '../inner-limits.js'
import { blocksOf, derOf } from './pem.js'
import { issuerOf, type RevocationList, readRevocationList, subjectOf } from './revocation-list.js'

/** Absolute paths of PEM files. A node has cert and key; a client need not. */
export interface TlsFiles {
  readonly ca: string
  readonly cert?: string | undefined
  readonly key?: string | undefined
  readonly crl?: string | undefined
}

export type TlsField = keyof TlsFiles
/** The content of these files. */
export type TlsTexts = { readonly [K in TlsField]: K extends 'ca' ? string : string | undefined }

/** What a file breaks: a sentence without subject and full stop. */
export interface TlsProblem {
  readonly field: TlsField
  readonly rule: string
}

/** Certificates that were found to fit together. */
export interface TlsMaterial {
  readonly texts: TlsTexts
  readonly crls: readonly string[]
  readonly roots: readonly X509Certificate[]
  readonly own: X509Certificate | undefined
  readonly lists: readonly RevocationList[]
  /** When each file counts no more. */
  readonly expiresMs: Readonly<Partial<Record<Exclude<TlsField, 'key'>, number>>>
}

/** What is expected of the files. */
export interface TlsUse {
  /** A node proves itself both when it dials and when it is dialled. */
  readonly isNode: boolean
  /** Hosts by which others dial this node. */
  readonly hosts?: readonly string[] | undefined
}

const SERVER_AUTH = '1.3.6.1.5.5.7.3.1'
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2'

export const expiresAtMs = (certificate: X509Certificate): number => Date.parse(certificate.validTo)
const beginsAtMs = (certificate: X509Certificate): number => Date.parse(certificate.validFrom)

/** True: a certificate by which a node proves itself. One that only dials may not be taken for a node's. */
export function isOfNode(certificate: X509Certificate): boolean {
  const uses: readonly string[] | undefined = certificate.keyUsage
  return uses === undefined || uses.includes(SERVER_AUTH)
}

/** Checks all files together, so that nothing is used that does not fit. Pure. */
export function examineTls(
  texts: TlsTexts,
  use: TlsUse,
  nowMs: number,
):
  | { readonly material: TlsMaterial; readonly problems?: never }
  | { readonly problems: readonly TlsProblem[] } {
  const problems: TlsProblem[] = []
  const wrong = (field: TlsField, rule: string): void => void problems.push({ field, rule })
  const roots = certificatesOf(texts.ca, 'ca', wrong)
  for (const root of roots)
    if (!root.ca) wrong('ca', `has ${nameOf(root)}, which is not the certificate of a CA`)
  const current = roots.filter((root) => why(root, nowMs) === undefined)
  if (roots.length > 0 && current.length === 0)
    wrong('ca', `has no CA that is valid now: ${why(roots[0]!, nowMs)}`)
  const chain = texts.cert === undefined ? [] : certificatesOf(texts.cert, 'cert', wrong)
  const key = texts.key === undefined ? undefined : privateKeyOf(texts.key, wrong)
  const lists = texts.crl === undefined ? [] : listsOf(texts.crl, roots, nowMs, wrong)
  const [own] = chain
  if (own) checkOwn(own, chain, key, { use, roots: current, lists, nowMs, wrong })
  if (problems.length > 0) return { problems }
  return {
    material: {
      texts,
      crls: texts.crl === undefined ? [] : blocksOf(texts.crl, 'X509 CRL'),
      roots,
      own,
      lists,
      expiresMs: {
        ca: Math.min(...current.map(expiresAtMs)),
        ...(own && { cert: Math.min(...chain.map(expiresAtMs)) }),
        ...(lists.length > 0 && { crl: Math.min(...lists.map(({ nextUpdateMs }) => nextUpdateMs)) }),
      },
    },
  }
}

type Wrong = (field: TlsField, rule: string) => void

interface OwnContext {
  readonly use: TlsUse
  readonly roots: readonly X509Certificate[]
  readonly lists: readonly RevocationList[]
  readonly nowMs: number
  readonly wrong: Wrong
}

function checkOwn(
  own: X509Certificate,
  chain: readonly X509Certificate[],
  key: KeyObject | undefined,
  { use, roots, lists, nowMs, wrong }: OwnContext,
): void {
  if (key && !own.checkPrivateKey(key)) wrong('key', 'is not the key of the certificate in cert')
  const lapse = why(own, nowMs)
  if (lapse !== undefined) wrong('cert', lapse)
  else {
    const distrust = whyNotTrusted(chain, { roots, lists }, nowMs)
    if (distrust !== undefined) wrong('cert', distrust)
  }
  const uses: readonly string[] = own.keyUsage ?? [SERVER_AUTH, CLIENT_AUTH]
  if (use.isNode && !uses.includes(SERVER_AUTH))
    wrong('cert', 'may not be used by a server (extended key usage)')
  if (!uses.includes(CLIENT_AUTH)) wrong('cert', 'may not be used by a client (extended key usage)')
  hostProblems(own, use, wrong)
}

function hostProblems(own: X509Certificate, { hosts = [] }: TlsUse, wrong: Wrong): void {
  for (const host of hosts) {
    if (isFor(own, host)) continue
    wrong('cert', `is not for ${host}, by which others dial this node; its names are ${namesOf(own)}`)
  }
}

/** Node 22 and later throws where a name cannot be written as text. */
const namesOf = (certificate: X509Certificate): string => certificate.subjectAltName ?? 'none'

const isFor = (certificate: X509Certificate, host: string): boolean =>
  (isIpAddress(host) ? certificate.checkIP(host) : certificate.checkHost(host)) !== undefined

/**
 * Why a chain of certificates, the peer's own first, is not to be trusted; undefined: it is. For links that
 * are open while the material changes.
 */
export function whyNotTrusted(
  chain: readonly X509Certificate[],
  { roots, lists }: Pick<TlsMaterial, 'roots' | 'lists'>,
  nowMs: number,
): string | undefined {
  let [certificate] = chain
  for (let depth = 0; certificate && depth < innerLimits.certificateChain; depth++) {
    const lapse = why(certificate, nowMs)
    if (lapse !== undefined) return lapse
    const issuer = issuerOf(certificate)
    const { serialNumber } = certificate
    if (lists.some((list) => list.issuer === issuer && list.serials.has(serialNumber))) return 'is revoked'
    if (roots.some((root) => isIssuedBy(certificate!, root) && why(root, nowMs) === undefined))
      return undefined
    certificate = chain.find((other) => other !== certificate && isIssuedBy(certificate!, other))
  }
  return `was not signed by a CA of ca (its issuer is ${chain[0] ? oneLine(chain[0].issuer) : 'unknown'})`
}

function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  if (certificate.fingerprint256 === issuer.fingerprint256) return true
  try {
    return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey)
  } catch {
    // A key or a signature of a kind that does not fit the other.
    return false
  }
}

function why(certificate: X509Certificate, nowMs: number): string | undefined {
  if (nowMs > expiresAtMs(certificate)) return `expired on ${dateOf(expiresAtMs(certificate))}`
  if (nowMs < beginsAtMs(certificate)) return `is not valid before ${dateOf(beginsAtMs(certificate))}`
  return undefined
}

const dateOf = (ms: number): string => new Date(ms).toISOString().replace('.000', '')
const oneLine = (name: string): string => name.split('\n').join(', ')
const nameOf = ({ subject }: X509Certificate): string => oneLine(subject ?? 'a certificate without a name')

/** Node reads a part of a certificate when it is asked for. Throws if one cannot be read. */
function readable(certificate: X509Certificate): X509Certificate {
  issuerOf(certificate)
  subjectOf(certificate)
  namesOf(certificate)
  isOfNode(certificate)
  if (certificate.publicKey.type !== 'public') throw new TypeError('it has no public key')
  if (!Number.isFinite(expiresAtMs(certificate)) || !Number.isFinite(beginsAtMs(certificate)))
    throw new RangeError('its times cannot be read')
  return certificate
}

function certificatesOf(text: string, field: TlsField, wrong: Wrong): X509Certificate[] {
  const blocks = blocksOf(text, 'CERTIFICATE')
  if (blocks.length === 0) wrong(field, 'has no certificate in PEM')
  return blocks.flatMap((block, index) => {
    try {
      return [readable(new X509Certificate(block))]
    } catch (error) {
      wrong(field, `has a certificate (number ${index + 1}) that cannot be read: ${reasonOf(error)}`)
      return []
    }
  })
}

function privateKeyOf(text: string, wrong: Wrong): KeyObject | undefined {
  if (/-----BEGIN ENCRYPTED PRIVATE KEY-----|Proc-Type: 4,ENCRYPTED/.test(text)) {
    wrong('key', 'is encrypted; nobody could give its password to a node')
    return undefined
  }
  try {
    return createPrivateKey(text)
  } catch {
    // The reason of OpenSSL is no help, and nothing of a key belongs into a text.
    wrong('key', 'has no private key in PEM')
    return undefined
  }
}

/** With lists, OpenSSL asks for one of each CA, and refuses everybody once a list is too old. */
function listsOf(
  text: string,
  roots: readonly X509Certificate[],
  nowMs: number,
  wrong: Wrong,
): RevocationList[] {
  const lists = blocksOf(text, 'X509 CRL').flatMap((block, index) => {
    try {
      return [readRevocationList(derOf(block))]
    } catch (error) {
      wrong('crl', `has a revocation list (number ${index + 1}) that cannot be read: ${reasonOf(error)}`)
      return []
    }
  })
  if (lists.length === 0) wrong('crl', 'has no revocation list in PEM')
  for (const root of roots) {
    const own = lists.find(({ issuer }) => issuer === subjectOf(root))
    if (!own) wrong('crl', `has no list of the CA ${nameOf(root)}, so nobody's certificate could be checked`)
    else if (own.isSignedBy(root.publicKey) === false)
      wrong('crl', `has a list that the CA ${nameOf(root)} did not sign`)
    else if (own.nextUpdateMs < nowMs)
      wrong('crl', `has a list that was due to be replaced on ${dateOf(own.nextUpdateMs)}`)
  }
  return lists
}
