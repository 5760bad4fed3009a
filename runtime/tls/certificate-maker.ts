import { createPrivateKey, randomBytes, webcrypto } from 'node:crypto'
import { isIpAddress } from '../addresses.js'
import { innerLimits } from '../inner-limits.js'
import { textOf } from './pem.js'
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
  X509CrlGenerator,
} from './x509.js'

/* A small CA: one key, one certificate that signs all others, one revocation list. All texts are PEM. */

export interface CertificateTexts {
  readonly cert: string
  readonly key: string
}

export interface IssueOptions {
  readonly name: string
  /** Host names and addresses by which it is dialled. A client has none. */
  readonly hosts: readonly string[]
  /** A client's certificate does not count as that of a node. */
  readonly isClient: boolean
  readonly validMs: number
  readonly nowMs: number
}

/** Signs faster than RSA, in small messages, and every library knows it. */
const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256' } as const
const SIGNATURE = { name: 'ECDSA', hash: 'SHA-256' } as const

/** Clocks differ. */
const begins = (nowMs: number): Date => new Date(nowMs - innerLimits.certificateBackdateMs)

/** A new CA. Its name has random characters, because two CAs of one name could not be told apart. */
export async function makeAuthority(validMs: number, nowMs: number): Promise<CertificateTexts> {
  const keys = await newKeys()
  const certificate = await X509CertificateGenerator.createSelfSigned({
    ...life(validMs, nowMs),
    name: `CN=Firesteel CA ${randomBytes(4).toString('hex')}`,
    keys,
    signingAlgorithm: SIGNATURE,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  return { cert: pem(certificate), key: await keyText(keys) }
}

/** Throws if a host is neither a name nor an address. */
export async function issueCertificate(
  authority: CertificateTexts,
  { name, hosts, isClient, validMs, nowMs }: IssueOptions,
): Promise<CertificateTexts> {
  const issuer = new X509Certificate(authority.cert)
  const keys = await newKeys()
  const uses = isClient
    ? [ExtendedKeyUsage.clientAuth]
    : [ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]
  const extensions: Extension[] = [
    new BasicConstraintsExtension(false, undefined, true),
    new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
    new ExtendedKeyUsageExtension(uses),
    await SubjectKeyIdentifierExtension.create(keys.publicKey),
    await AuthorityKeyIdentifierExtension.create(issuer),
  ]
  if (hosts.length > 0) {
    const names = hosts.map((host) => ({
      type: isIpAddress(host) ? ('ip' as const) : ('dns' as const),
      value: host,
    }))
    extensions.push(new SubjectAlternativeNameExtension(names))
  }
  const certificate = await X509CertificateGenerator.create({
    ...life(validMs, nowMs),
    subject: `CN=${name}`,
    issuer: issuer.subject,
    publicKey: keys.publicKey,
    signingKey: await signingKey(authority.key),
    signingAlgorithm: SIGNATURE,
    extensions,
  })
  return { cert: pem(certificate), key: await keyText(keys) }
}

/** The list of all certificates, by serial number in hex, that count no more. */
export async function makeRevocationList(
  authority: CertificateTexts,
  serials: readonly string[],
  nowMs: number,
): Promise<string> {
  const issuer = new X509Certificate(authority.cert)
  const list = await X509CrlGenerator.create({
    issuer: issuer.subject,
    thisUpdate: begins(nowMs),
    // It is replaced when a certificate is revoked. Without a newer one nobody could be checked.
    nextUpdate: issuer.notAfter,
    entries: serials.map((serialNumber) => ({ serialNumber, revocationDate: new Date(nowMs) })),
    signingAlgorithm: SIGNATURE,
    signingKey: await signingKey(authority.key),
  })
  return textOf(Buffer.from(list.rawData), 'X509 CRL')
}

const life = (validMs: number, nowMs: number) => ({
  serialNumber: serial(),
  notBefore: begins(nowMs),
  notAfter: new Date(nowMs + validMs),
})

/** Positive, and not to be guessed (RFC 5280, 4.1.2.2). */
function serial(): string {
  const bytes = randomBytes(16)
  bytes[0] = (bytes[0]! & 0x3f) | 0x40
  return bytes.toString('hex')
}

const newKeys = (): Promise<CryptoKeyPair> =>
  webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])

type CryptoKeyPair = webcrypto.CryptoKeyPair

const pem = (certificate: X509Certificate): string => `${certificate.toString('pem')}\n`

async function keyText({ privateKey }: CryptoKeyPair): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', privateKey))
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }).export({
    type: 'pkcs8',
    format: 'pem',
  }) as string
}

async function signingKey(text: string): Promise<webcrypto.CryptoKey> {
  const der = createPrivateKey(text).export({ type: 'pkcs8', format: 'der' })
  return webcrypto.subtle.importKey('pkcs8', der, ALGORITHM, false, ['sign'])
}
