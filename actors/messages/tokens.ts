import { limits } from '../../runtime/limits.js'
import { tokenKinds } from '../../runtime/transport/token.js'
import * as z from '../../runtime/zod.js'
import { name, text, wallTime } from './common.js'

/* Tokens: who may what. They are made and revoked at the leader, which tells all nodes which are in force. */

const role = z.enum(tokenKinds)
const id = z.string().regex(/^[a-z]+\.[0-9a-z]+\.[0-9a-f]{16}$/)

/** Who submitted a driver or registered an application. Without an id: a holder of the cluster's secret. */
export const owner = z.object({ name, id: id.optional() })
export type Owner = z.infer<typeof owner>

export const tokenRow = z.object({
  id,
  name,
  role,
  createdAtMs: wallTime,
  /** Null: it does not end by itself. */
  endsAtMs: wallTime.nullable(),
  /** Who made it. */
  by: name,
  revokedAtMs: wallTime.optional(),
  revokedBy: name.optional(),
})
export type TokenRow = z.infer<typeof tokenRow>

/** Admin -> Master. The asker chooses the id, so a repeated request makes one token. */
export const requestCreateToken = z.object({ type: z.literal('RequestCreateToken'), id, name })
export type RequestCreateToken = z.infer<typeof requestCreateToken>

/** The token is durable. Its secret is asked for afterwards. */
export const tokenCreated = z.object({ type: z.literal('TokenCreated'), token: tokenRow })
export type TokenCreated = z.infer<typeof tokenCreated>

/** Admin -> Master: the secret of a token that the asker has made. The shell answers it, beside the core. */
export const requestTokenSecret = z.object({ type: z.literal('RequestTokenSecret'), id })
export type RequestTokenSecret = z.infer<typeof requestTokenSecret>

/** A trace does not show it, because of its name. */
export const tokenSecret = z.object({
  type: z.literal('TokenSecret'),
  id,
  /** The whole token, sealed with the key that the asker has proved. */
  secret: text,
})
export type TokenSecret = z.infer<typeof tokenSecret>

/**
 * Client -> leader: how does the Worker at this address know me? One that has a token cannot derive the keys
 * of clients. The shell answers it, beside the core.
 */
export const requestWorkerCredential = z.object({
  type: z.literal('RequestWorkerCredential'),
  /** host:port. */
  worker: name,
})
export type RequestWorkerCredential = z.infer<typeof requestWorkerCredential>

/** A trace does not show the credential, because of its name. */
export const workerCredential = z.object({
  type: z.literal('WorkerCredential'),
  worker: name,
  /**
   * The key for links of this client to this Worker, in base64 and sealed with the key that the asker has
   * proved. Null: the Worker knows the key that the Masters know.
   */
  credential: text.nullable(),
})
export type WorkerCredential = z.infer<typeof workerCredential>

/** Admin -> Master. */
export const requestTokens = z.object({ type: z.literal('RequestTokens') })
export type RequestTokens = z.infer<typeof requestTokens>

export const tokens = z.object({
  type: z.literal('Tokens'),
  tokens: z.array(tokenRow).max(limits.tokens),
})
export type Tokens = z.infer<typeof tokens>

/** Admin -> Master: by name or id. */
export const requestRevokeToken = z.object({ type: z.literal('RequestRevokeToken'), token: name })
export type RequestRevokeToken = z.infer<typeof requestRevokeToken>

/** The end of the token is durable, and all linked nodes are told. */
export const tokenRevoked = z.object({ type: z.literal('TokenRevoked'), token: tokenRow })
export type TokenRevoked = z.infer<typeof tokenRevoked>

/** Anybody -> Master: who am I to you? */
export const requestIdentity = z.object({ type: z.literal('RequestIdentity') })
export type RequestIdentity = z.infer<typeof requestIdentity>

export const identity = z.object({
  type: z.literal('Identity'),
  name,
  role: z.enum([...tokenKinds, 'driver']),
  /** Of its token; absent: it has proved the cluster's secret, or is a driver. */
  id: id.optional(),
  endsAtMs: wallTime.nullable(),
})
export type Identity = z.infer<typeof identity>

/**
 * Leader -> Masters and Workers: these tokens are in force, and no others. It is sent on each new link, once
 * there is a token, and whenever it changes.
 */
export const tokensInForce = z.object({
  type: z.literal('TokensInForce'),
  ids: z.array(id).max(limits.tokens),
})
export type TokensInForce = z.infer<typeof tokensInForce>
