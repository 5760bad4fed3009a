import { FiresteelError } from '../../errors.js'
import { hasEnded, looksLikeToken, readAnyTokenId, readToken } from '../../transport/token.js'

/** How the nodes of a machine prove themselves. */
export interface NodeCredential {
  /** That of the cluster, or with `join` that of the token. */
  readonly secret: string
  /** Id of the token of the one Worker here. Absent: they have the cluster's secret. */
  readonly join?: string
}

interface Here {
  readonly masters: readonly { readonly name: string }[]
  readonly workers: readonly { readonly name: string }[]
}

/**
 * What is given as the secret may be the token of one Worker, for a machine that must not have the secret.
 * Throws TOKEN_INVALID for another token, and where other nodes would need the secret.
 */
export function nodeCredential(given: string, { masters, workers }: Here, wallMs: number): NodeCredential {
  if (!looksLikeToken(given)) return { secret: given }
  const token = readToken(given.trim())
  const role = token && readAnyTokenId(token.id)?.role
  const [master] = masters
  if (!token || role === undefined)
    throw invalid('What is given as the secret begins like a token, and is none: a part of it is missing.')
  if (role !== 'worker')
    throw invalid(`What is given as the secret is a token of the role ${role}, which starts no node.`)
  if (hasEnded(token.id, wallMs)) throw invalid('The token of this Worker has ended.')
  if (master)
    throw invalid(
      `The token of a Worker starts no Master: ${master.name} needs the secret of the cluster. With the token, name the Worker with --only.`,
    )
  if (workers.length > 1)
    throw invalid(
      `The token of a Worker is for one, and here are ${workers.map(({ name }) => name).join(', ')}. Start each by itself, with its own token.`,
    )
  return { secret: token.key.toString('base64url'), join: token.id }
}

const invalid = (message: string): FiresteelError =>
  new FiresteelError('TOKEN_INVALID', message, {
    help: 'An admin makes one for a Worker with `firesteel token create --role worker --name NAME`.',
  })
