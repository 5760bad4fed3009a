import { crc32 } from 'node:zlib'

/** A checksum against damage, not against forgery: 8 hexadecimal digits. */
export const checksumText = (sum: number): string => sum.toString(16).padStart(8, '0')

/** That of one text. */
export const checksumOf = (text: string): string => checksumText(crc32(text))
