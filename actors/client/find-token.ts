import { join } from 'node:path'
import { credentialPath } from '../../runtime/credentials.js'
import { FiresteelError } from '../../runtime/errors.js'
import { findStateFolder, readIfThere, TOKEN_FILE, tokenPath } from '../../runtime/state-folder.js'
import { hasEnded, readToken, readTokenId } from '../../runtime/transport/token.js'
import type { ClientKey } from './credential.js'

interface Places {
  /** The option of connect(). */
  readonly token?: string | undefined
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
}

interface FoundToken {
  readonly text: string
  readonly place: string
}

/**
 * The credential of a token: the option, else FIRESTEEL_TOKEN, else the credential `token` of this process;
 * undefined: there is none. Throws TOKEN_INVALID, FILE_DENIED, CONFIG_UNREADABLE.
 */
export function givenToken({ token, env }: Places): ClientKey | undefined {
  if (token) return credentialOf({ text: token, place: 'the option token' })
  if (env.FIRESTEEL_TOKEN) return credentialOf({ text: env.FIRESTEEL_TOKEN, place: 'FIRESTEEL_TOKEN' })
  const path = credentialPath(TOKEN_FILE, env)
  const text = path && readIfThere(path)
  return path && text ? credentialOf({ text, place: path }) : undefined
}

/** That of the file `token` in the nearest state folder. Throws also FOLDER_UNTRUSTED. */
export function keptToken(cwd: string, folder = findStateFolder(cwd)): ClientKey | undefined {
  const text = folder && readIfThere(tokenPath(folder))
  return folder && text ? credentialOf({ text, place: join(folder, TOKEN_FILE) }) : undefined
}

/** No error names the token itself. */
function credentialOf({ text, place }: FoundToken): ClientKey {
  const token = readToken(text.trim())
  if (!token)
    throw new FiresteelError('TOKEN_INVALID', `What ${place} has is no token: a token is fst_ID_SECRET.`, {
      place,
    })
  if (!readTokenId(token.id))
    throw new FiresteelError(
      'TOKEN_INVALID',
      `What ${place} has is the token of a Worker, not of a client.`,
      {
        place,
      },
    )
  if (hasEnded(token.id, Date.now())) {
    const endsAtMs = readTokenId(token.id)?.endsAtMs ?? 0
    const message = `The token of ${place} has ended, at ${new Date(endsAtMs).toISOString()}.`
    throw new FiresteelError('TOKEN_INVALID', message, { place })
  }
  return { role: 'client', subject: token.id, key: token.key }
}
