import type { TlsFiles } from './material.js'
import { TlsSource } from './tls-source.js'

/**
 * What a process is told of TLS by the one that starts it: the CAs of the cluster, as a file that may be
 * replaced, and as text for a process that may not read the file. `run` also names the certificate of its
 * user; the key of a node is told to nobody.
 */
export interface TlsTold extends TlsFiles {
  readonly caText: string
}

/** What a process of the same user may know. */
export const toldOf = ({ files, material }: TlsSource): TlsTold => ({ ...files, caText: material.texts.ca })

/** What a process of somebody else may know. */
export const caToldOf = ({ files: { ca, crl }, material }: TlsSource): TlsTold => ({
  ca,
  ...(crl !== undefined && { crl }),
  caText: material.texts.ca,
})

/** Throws CERTIFICATE_INVALID. */
export function clientTls({ caText, ...files }: TlsFiles & Partial<TlsTold>): TlsSource {
  return new TlsSource({ files, use: { isNode: false }, caText })
}

const TEXTS = ['ca', 'caText', 'cert', 'key', 'crl'] as const

/** Undefined: the value was not told by a process of ours. */
export function readTold(value: unknown): TlsTold | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  const fields = value as Record<string, unknown>
  if (TEXTS.some((name) => fields[name] !== undefined && typeof fields[name] !== 'string')) return undefined
  return typeof fields.ca === 'string' && typeof fields.caText === 'string' ? (value as TlsTold) : undefined
}
