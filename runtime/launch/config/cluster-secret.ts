import { credentialPath } from '../../credentials.js'
import { FiresteelError } from '../../errors.js'
import { innerLimits } from '../../inner-limits.js'
import { SECRET_FILE, secretPath } from '../../state-folder.js'
import type { SecretSource } from './deployment.js'
import { ensureSecret, readSecretFile } from './folder.js'
import type { Environment } from './substitute.js'

const SECRET_BYTES_MIN = innerLimits.secretBytesMin

function checked(secret: string, place: string): string {
  if (Buffer.byteLength(secret) >= SECRET_BYTES_MIN) return secret
  throw new FiresteelError(
    'SECRET_TOO_SHORT',
    `The secret has ${Buffer.byteLength(secret)} bytes; at least ${SECRET_BYTES_MIN} are needed.`,
    {
      place,
    },
  )
}

async function ofFile(path: string): Promise<string> {
  const secret = await readSecretFile(path)
  if (secret === undefined) {
    throw new FiresteelError('SECRET_MISSING', `There is no secret in ${path}.`, { place: path })
  }
  return checked(secret, path)
}

/**
 * The secret that a node starts with: that of its file, otherwise FIRESTEEL_SECRET, otherwise the credential
 * `secret` of this process, otherwise that of the folder, which is made if `make` is set and there is none.
 * Throws SECRET_MISSING, SECRET_TOO_SHORT, FILE_DENIED.
 */
export async function nodeSecret(
  source: SecretSource,
  folder: string,
  environment: Environment,
  make: boolean,
): Promise<string> {
  if (source.kind === 'value') return checked(source.value, 'security.secret')
  if (source.kind === 'file') return ofFile(source.path)
  const given = environment.FIRESTEEL_SECRET
  if (given) return checked(given, 'FIRESTEEL_SECRET')
  const credential = credentialPath(SECRET_FILE, environment)
  if (credential) return ofFile(credential)
  return make ? checked(await ensureSecret(folder), secretPath(folder)) : ofFile(secretPath(folder))
}
