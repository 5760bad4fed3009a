import { Buffer } from 'node:buffer'

/** The blocks of this kind, each with its first and last line. */
export const blocksOf = (text: string, label: string): string[] =>
  text.match(new RegExp(`-----BEGIN ${label}-----[^-]*-----END ${label}-----`, 'g')) ?? []

/** The bytes of a block. */
export const derOf = (block: string): Buffer => Buffer.from(block.replace(/-----[^-]*-----/g, ''), 'base64')

/** A block of these bytes. */
export const textOf = (der: Buffer, label: string): string =>
  `-----BEGIN ${label}-----\n${der.toString('base64').replace(/.{64}(?!$)/g, '$&\n')}\n-----END ${label}-----\n`
