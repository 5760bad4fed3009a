import { Buffer } from 'node:buffer'
import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto'
import { FiresteelError } from '../errors.js'

/*
 * A short text that only the holder of a key can read: what a link without TLS carries can be read on the
 * way.
 */

const CIPHER = 'aes-256-gcm'
const NONCE_BYTES = 12
const TAG_BYTES = 16
const LABEL = 'firesteel/1 sealed'

/** No key is used for two purposes. */
const sealKey = (key: Buffer): Buffer => createHmac('sha256', key).update(LABEL).digest()

/** The text in base64url. `about` is what it is for: it cannot be passed off as something else. */
export function seal(text: string, key: Buffer, about: string, nonce = randomBytes(NONCE_BYTES)): string {
  const cipher = createCipheriv(CIPHER, sealKey(key), nonce).setAAD(Buffer.from(about))
  const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
  return Buffer.concat([nonce, cipher.getAuthTag(), body]).toString('base64url')
}

/** Throws REQUEST_INVALID if it was altered, or sealed with another key or for something else. */
export function unseal(sealed: string, key: Buffer, about: string): string {
  const all = Buffer.from(sealed, 'base64url')
  try {
    const decipher = createDecipheriv(CIPHER, sealKey(key), all.subarray(0, NONCE_BYTES))
    decipher.setAAD(Buffer.from(about)).setAuthTag(all.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES))
    return decipher.update(all.subarray(NONCE_BYTES + TAG_BYTES), undefined, 'utf8') + decipher.final('utf8')
  } catch (cause) {
    throw new FiresteelError('REQUEST_INVALID', 'A sealed text was altered on the way.', { cause })
  }
}
