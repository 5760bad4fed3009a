import { type KeyObject, verify, type X509Certificate } from 'node:crypto'
import { derTag, partsOf, readPart, timeOf } from './der.js'
import { blocksOf, derOf } from './pem.js'

/** A certificate revocation list (RFC 5280, 5). OpenSSL checks it in handshakes; this is for open links. */
export interface RevocationList {
  /** Name of its CA, in DER. */
  readonly issuer: string
  readonly nextUpdateMs: number
  /** Serial numbers, in hex as Node writes them. */
  readonly serials: ReadonlySet<string>
  /** Whether this key has signed it; undefined if that cannot be checked here. */
  isSignedBy(key: KeyObject): boolean | undefined
}

/** Throws RangeError if it is none. */
export function readRevocationList(der: Buffer): RevocationList {
  const [tbs, algorithm, signature] = partsOf(readPart(der))
  if (!tbs || !algorithm || !signature) throw new RangeError('it is no revocation list')
  const fields = partsOf(tbs)
  if (fields[0]?.tag === derTag.integer) fields.shift()
  const [, issuer, , next, revoked] = fields
  if (!issuer || !next) throw new RangeError('it does not say how long it counts')
  const entries = revoked?.tag === derTag.sequence ? partsOf(revoked) : []
  const [oid] = partsOf(algorithm)
  return {
    issuer: issuer.whole.toString('hex'),
    nextUpdateMs: timeOf(next),
    serials: new Set(entries.map((entry) => serialText(readPart(entry.content).content))),
    isSignedBy(key) {
      const hash = hashes.get(oid?.content.toString('hex') ?? '')
      // The first byte of a bit string counts unused bits.
      if (hash === undefined) return undefined
      try {
        return verify(hash === '' ? null : hash, tbs.whole, key, signature.content.subarray(1))
      } catch {
        // A key of another kind than the signature.
        return false
      }
    },
  }
}

/** The serial numbers in a list that was written as PEM. Throws RangeError. */
export function revokedIn(text: string): ReadonlySet<string> {
  const [block = ''] = blocksOf(text, 'X509 CRL')
  return readRevocationList(derOf(block)).serials
}

/** The name of who signed a certificate, in DER. Throws RangeError. */
export function issuerOf({ raw }: X509Certificate): string {
  const [tbs] = partsOf(readPart(raw))
  const fields = tbs ? partsOf(tbs) : []
  const from = fields[0]?.tag === derTag.integer ? 0 : 1
  const issuer = fields[from + 2]
  if (!issuer) throw new RangeError('it has no issuer')
  return issuer.whole.toString('hex')
}

/** The name of its owner, in DER. Throws RangeError. */
export function subjectOf({ raw }: X509Certificate): string {
  const [tbs] = partsOf(readPart(raw))
  const fields = tbs ? partsOf(tbs) : []
  const from = fields[0]?.tag === derTag.integer ? 0 : 1
  const subject = fields[from + 4]
  if (!subject) throw new RangeError('it has no subject')
  return subject.whole.toString('hex')
}

/** As `X509Certificate.serialNumber`: without leading zeros, in whole bytes. */
function serialText(content: Buffer): string {
  let from = 0
  while (from < content.length - 1 && content[from] === 0) from++
  return content.subarray(from).toString('hex').toUpperCase()
}

/** Object identifier of a signature, in DER -> the hash of `crypto.verify`; '': the key names it. */
const hashes: ReadonlyMap<string, string> = new Map([
  ['2a864886f70d01010b', 'sha256'],
  ['2a864886f70d01010c', 'sha384'],
  ['2a864886f70d01010d', 'sha512'],
  ['2a8648ce3d040302', 'sha256'],
  ['2a8648ce3d040303', 'sha384'],
  ['2a8648ce3d040304', 'sha512'],
  ['2b6570', ''],
])
