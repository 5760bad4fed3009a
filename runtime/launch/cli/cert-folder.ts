import { X509Certificate } from 'node:crypto'
import { chmod, mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { FiresteelError, reasonOf, systemCodeOf } from '../../errors.js'
import { systemError } from '../../system-error.js'
import type { CertificateTexts } from '../../tls/certificate-maker.js'

/*
 * The folder of a small CA: ca.pem, ca-key.pem and crl.pem, and NAME.pem and NAME-key.pem of each certificate
 * that it issued. Only its owner may read it.
 */

const PRIVATE_FILE = 0o600
const PRIVATE_FOLDER = 0o700

export const caPath = (folder: string): string => join(folder, 'ca.pem')
export const caKeyPath = (folder: string): string => join(folder, 'ca-key.pem')
export const crlPath = (folder: string): string => join(folder, 'crl.pem')
export const certPath = (folder: string, name: string): string => join(folder, `${name}.pem`)
export const keyPath = (folder: string, name: string): string => join(folder, `${name}-key.pem`)

/** Writes a new CA. A folder that has one already keeps it: throws USAGE. */
export async function writeAuthority(
  folder: string,
  { cert, key }: CertificateTexts,
  crl: string,
): Promise<void> {
  await trying(folder, async () => {
    await mkdir(folder, { recursive: true, mode: PRIVATE_FOLDER })
    await writeNew(caKeyPath(folder), key)
    await writeNew(caPath(folder), cert)
    await writeNew(crlPath(folder), crl)
  })
}

/** Throws PATH_NOT_FOUND, FILE_DENIED. */
export async function readAuthority(folder: string): Promise<CertificateTexts> {
  const of = (path: string): Promise<string> => readText(path, 'Make a CA with `firesteel cert init DIR`.')
  return { cert: await of(caPath(folder)), key: await of(caKeyPath(folder)) }
}

/** Replaces what the name had before. Each file is whole at every moment. */
export async function writeCertificate(
  folder: string,
  name: string,
  { cert, key }: CertificateTexts,
): Promise<void> {
  await trying(folder, async () => {
    await replace(keyPath(folder, name), key)
    await replace(certPath(folder, name), cert)
  })
}

export const readRevoked = (folder: string): Promise<string> =>
  readText(crlPath(folder), 'Make a CA with `firesteel cert init DIR`.')

export const writeRevoked = (folder: string, crl: string): Promise<void> =>
  trying(folder, () => replace(crlPath(folder), crl))

/** Serial number of a certificate that this CA issued. Throws PATH_NOT_FOUND, CERTIFICATE_INVALID. */
export async function serialOf(path: string, authority: CertificateTexts): Promise<string> {
  const text = await readText(path, 'Name a certificate of this folder, or the path of one.')
  const certificate = readCertificate(text, path)
  if (certificate.verify(readCertificate(authority.cert, 'ca.pem').publicKey)) return certificate.serialNumber
  throw new FiresteelError('CERTIFICATE_INVALID', `${path} was not issued by this CA.`, { place: path })
}

function readCertificate(text: string, path: string): X509Certificate {
  try {
    return new X509Certificate(text)
  } catch (cause) {
    throw new FiresteelError('CERTIFICATE_INVALID', `${path} has no certificate in PEM.`, {
      place: path,
      cause,
    })
  }
}

async function readText(path: string, help: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    throw (
      systemError(cause) ??
      new FiresteelError('PATH_NOT_FOUND', `${path} cannot be read: ${reasonOf(cause)}.`, {
        place: path,
        help,
        cause,
      })
    )
  }
}

async function writeNew(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx', PRIVATE_FILE)
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
}

async function replace(path: string, text: string): Promise<void> {
  const next = `${path}.${process.pid}.new`
  await rm(next, { force: true })
  await writeNew(next, text)
  await chmod(next, PRIVATE_FILE)
  await rename(next, path)
}

async function trying(folder: string, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (cause) {
    if (systemCodeOf(cause) === 'EEXIST') {
      const message = `${folder} has a CA already. It stays: all certificates that it issued would be worth nothing.`
      throw new FiresteelError('USAGE', message, {
        place: folder,
        help: 'Name another folder for a new CA.',
        cause,
      })
    }
    throw (
      systemError(cause) ??
      new FiresteelError('PATH_NOT_FOUND', `${folder} cannot be written: ${reasonOf(cause)}.`, {
        place: folder,
        cause,
      })
    )
  }
}
