import { Buffer } from 'node:buffer'
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto'

/** An incarnation that only the holder of its key may use: `NAME-k` and half a SHA-256 of that key. */
const KEYED = /-k[0-9a-f]{32}$/
const FINGERPRINT_CHARS = 32
const LABEL = 'firesteel/1 incarnation\0'
/** A key of Ed25519, public or private, is the end of its SPKI or PKCS #8 (RFC 8410). */
const KEY_BYTES = 32

const rawKey = (der: Buffer): string => der.subarray(-KEY_BYTES).toString('base64url')

const fingerprintOf = (key: string): string =>
  createHash('sha256').update(key).digest('hex').slice(0, FINGERPRINT_CHARS)

/** True: whoever links under this name must prove its key. */
export const isKeyed = (incarnation: string): boolean => KEYED.test(incarnation)

/** What a dialer adds to its proof: the public key of its incarnation, and its signature, both base64url. */
export interface IncarnationProof {
  readonly key: string
  readonly signature: string
}

/**
 * One life of a client and the key that is its own. Many clients hold the same credential, and their
 * incarnations stand in answers that all of them may read. So the name of a client is the fingerprint of a
 * key which never leaves its process, and nobody else can link, or replace a link, under that name: neither
 * while the client is linked nor after a failover.
 */
export class IncarnationKey {
  readonly incarnation: string
  readonly #public: string
  readonly #private: KeyObject

  constructor(name: string) {
    // In Node 20 a key shares a lock with the job that made it. A collection of garbage that ends the job
    // while the key is exported, or signs, waits for that lock for ever. So the key is made as bytes, and
    // read anew.
    const { publicKey, privateKey } = generateKeyPairSync('ed25519', {
      publicKeyEncoding: { type: 'spki', format: 'der' },
      privateKeyEncoding: { type: 'pkcs8', format: 'der' },
    })
    this.#public = rawKey(publicKey)
    const jwk = { kty: 'OKP', crv: 'Ed25519', x: this.#public, d: rawKey(privateKey) }
    this.#private = createPrivateKey({ key: jwk, format: 'jwk' })
    this.incarnation = `${name}-k${fingerprintOf(this.#public)}`
  }

  /** Proves it on one connection: the transcript has fresh nonces of both sides. */
  prove(transcript: Buffer): IncarnationProof {
    const signature = sign(null, signed(transcript), this.#private)
    return { key: this.#public, signature: signature.toString('base64url') }
  }
}

const signed = (transcript: Buffer): Buffer => Buffer.concat([Buffer.from(LABEL), transcript])

/** True: the peer that signed this transcript holds the key which the incarnation is named after. */
export function provesIncarnation(
  incarnation: string,
  { key, signature }: Partial<IncarnationProof>,
  transcript: Buffer,
): boolean {
  if (key === undefined || signature === undefined) return false
  if (!incarnation.endsWith(`-k${fingerprintOf(key)}`)) return false
  try {
    const publicKey = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: key }, format: 'jwk' })
    return verify(null, signed(transcript), publicKey, Buffer.from(signature, 'base64url'))
  } catch {
    // What is named after it is no point of the curve.
    return false
  }
}
