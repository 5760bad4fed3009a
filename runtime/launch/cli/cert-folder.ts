import { X509Certificate } from 'node:crypto'
import { access, chmod, mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { FiresteelError, reasonOf, systemCodeOf } from '../../errors.js'
import { inTurn } from '../../process/folder-turn.js'
import { systemError } from '../../system-error.js'
import type { CertificateTexts } from '../../tls/certificate-maker.js'
import { revokedIn } from '../../tls/revocation-list.js'
import * as z from '../../zod.js'

/*
 * The folder of a small CA: ca.pem, ca-key.pem and crl.pem, and NAME.pem and NAME-key.pem of the newest
 * certificate of each name. issued.json has all that it issued, because a renewed one counts on until its
 * end. Only its owner may read the folder, and one process at a time writes there (`inTurn`).
 */

const MAKE = 'Make a CA with `firesteel cert init DIR`.'

const PRIVATE_FILE = 0o600
const PRIVATE_FOLDER = 0o700

export const caPath = (folder: string): string => join(folder, 'ca.pem')
export const caKeyPath = (folder: string): string => join(folder, 'ca-key.pem')
export const crlPath = (folder: string): string => join(folder, 'crl.pem')
export const issuedPath = (folder: string): string => join(folder, 'issued.json')
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
    await inTurn(folder, async () => {
      await writeNew(caKeyPath(folder), key)
      await writeNew(caPath(folder), cert)
      await writeNew(crlPath(folder), crl)
    })
  })
}

/** Throws PATH_NOT_FOUND, FILE_DENIED. */
export async function readAuthority(folder: string): Promise<CertificateTexts> {
  const of = (path: string): Promise<string> => readText(path, MAKE)
  return { cert: await of(caPath(folder)), key: await of(caKeyPath(folder)) }
}

/** In its turn, replaces what the name had before. Each file is whole at every moment. */
export async function writeCertificate(
  folder: string,
  name: string,
  { cert, key }: CertificateTexts,
): Promise<void> {
  await trying(folder, () =>
    inTurn(folder, async () => {
      // It is known before it is in anybody's hands.
      const known = [...(await readIssued(folder)), ...(await current(folder, name)), issuedOf(name, cert)]
      const all = new Map(known.map((one) => [one.serial, one]))
      await replace(issuedPath(folder), `${JSON.stringify([...all.values()], null, 1)}\n`)
      await replace(keyPath(folder, name), key)
      await replace(certPath(folder, name), cert)
    }),
  )
}

/**
 * In its turn, writes the list of what counts no more: that of before, and the serial numbers that `find`
 * finds. Resolves to these, and to how many the list has.
 */
export function addRevoked(
  folder: string,
  find: () => Promise<readonly string[]>,
  listOf: (serials: readonly string[]) => Promise<string>,
): Promise<{ readonly serials: readonly string[]; readonly revoked: number }> {
  return trying(folder, () =>
    inTurn(folder, async () => {
      const serials = await find()
      const all = [...new Set([...revokedIn(await readText(crlPath(folder), MAKE)), ...serials])]
      await replace(crlPath(folder), await listOf(all))
      return { serials, revoked: all.length }
    }),
  )
}

/** Serial number of a certificate that this CA issued. Throws PATH_NOT_FOUND, CERTIFICATE_INVALID. */
export async function serialOf(path: string, authority: CertificateTexts): Promise<string> {
  const text = await readText(path, 'Name a certificate of this folder, or the path of one.')
  const certificate = readCertificate(text, path)
  if (certificate.verify(readCertificate(authority.cert, 'ca.pem').publicKey)) return certificate.serialNumber
  throw new FiresteelError('CERTIFICATE_INVALID', `${path} was not issued by this CA.`, { place: path })
}

/**
 * Serial numbers of all certificates that were issued for a name and count at `nowMs`, and of the newest one.
 * Throws as `serialOf` if there is none.
 */
export async function serialsOf(
  folder: string,
  name: string,
  authority: CertificateTexts,
  nowMs: number,
): Promise<string[]> {
  const found = (await readIssued(folder))
    .filter((one) => one.name === name && Date.parse(one.until) > nowMs)
    .map(({ serial }) => serial)
  // Releases before issued.json left the newest one alone.
  const newest = certPath(folder, name)
  if (found.length === 0 || (await isThere(newest))) found.push(await serialOf(newest, authority))
  return [...new Set(found)]
}

const time = z.string().refine((text) => !Number.isNaN(Date.parse(text)))
const issuedList = z.array(z.object({ name: z.string(), serial: z.string(), until: time }))
type Issued = z.infer<typeof issuedList>[number]

function issuedOf(name: string, text: string): Issued {
  const { serialNumber, validTo } = new X509Certificate(text)
  return { name, serial: serialNumber, until: new Date(validTo).toISOString() }
}

/** Throws CERTIFICATE_INVALID if it is damaged: what it does not name could not be revoked. */
async function readIssued(folder: string): Promise<readonly Issued[]> {
  const path = issuedPath(folder)
  if (!(await isThere(path))) return []
  const text = await readText(path, MAKE)
  try {
    return issuedList.parse(JSON.parse(text))
  } catch (cause) {
    throw new FiresteelError('CERTIFICATE_INVALID', `${path} is not what \`firesteel cert issue\` writes.`, {
      place: path,
      help: 'Bring it back from a backup. Without it only certificates whose file is there can be revoked.',
      cause,
    })
  }
}

/** The newest one of a name, which a release without issued.json may have issued. */
async function current(folder: string, name: string): Promise<Issued[]> {
  try {
    return [issuedOf(name, await readFile(certPath(folder, name), 'utf8'))]
  } catch {
    return []
  }
}

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    (error) => systemCodeOf(error) !== 'ENOENT',
  )

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
  // One writer at a time: what a killed one left has this name, and no other file has.
  const next = `${path}.new`
  await rm(next, { force: true })
  await writeNew(next, text)
  await chmod(next, PRIVATE_FILE)
  await rename(next, path)
}

async function trying<T>(folder: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    if (cause instanceof FiresteelError) throw cause
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
