import type { TlsFiles } from '../../../runtime/tls/material.js'
import type { Role } from '../../../runtime/transport/identity.js'
import { deriveKey } from '../../../runtime/transport/keys.js'

/** The target of an attack, and what an attacker may know of it. */
export interface Target {
  readonly host: string
  readonly port: number
  /** Its HTTP port, if it has one. */
  readonly web?: number
  readonly cluster: string
  readonly secret: string
  /** What an honest client has of a target with TLS. */
  readonly tls?: TlsFiles | undefined
  /** The actor it serves. */
  readonly actor: string
  /** Of an application's driver. */
  readonly appId?: string
  /** Whose output it keeps. */
  readonly output?: string
}

/** The role that an attacker can prove. */
export interface Peer {
  readonly role: Role
  readonly key: Buffer
  readonly subject?: string
  readonly cluster: string
}

export function peerOf(target: Target, role: 'node' | 'client' | 'application'): Peer {
  const { secret, appId = '', cluster } = target
  if (role !== 'application')
    return { role, key: deriveKey(secret, role), cluster: role === 'node' ? cluster : '' }
  // Executors derive their key from that of the client which registered the application.
  return { role, subject: appId, key: deriveKey(deriveKey(secret, 'client'), role, appId), cluster }
}
