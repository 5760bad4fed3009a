import { crc32 } from 'node:zlib'

/**
 * Blocks of snapshots and journals: marker (8), length of the payload (4), its CRC-32 (4), seq (8), CRC-32 of
 * the 24 bytes before (4), payload. All numbers big-endian. The header has a checksum of its own, so that a
 * torn block (a good header, too few bytes) is told from a damaged one. This layout holds in every version.
 */
/** Never in UTF-8, so in no payload. */
const marker = Buffer.from([0xff, 0xfe, 0x46, 0x53, 0x46, 0x52, 0xfd, 0xfc])
const headerBytes = 28

export interface Block {
  readonly offset: number
  readonly seq: number
  readonly payload: Buffer
}

/** Bytes that are not a block. `torn`: the file ends here, as after a crash in the middle of a write. */
export interface BadBytes {
  readonly offset: number
  readonly end: number
  readonly reason: string
  readonly torn: boolean
}

export function encodeBlock(seq: number, payload: Buffer): Buffer {
  const block = Buffer.allocUnsafe(headerBytes + payload.byteLength)
  marker.copy(block, 0)
  block.writeUInt32BE(payload.byteLength, 8)
  block.writeUInt32BE(crc32(payload), 12)
  block.writeBigUInt64BE(BigInt(seq), 16)
  block.writeUInt32BE(crc32(block.subarray(0, 24)), 24)
  payload.copy(block, headerBytes)
  return block
}

/** Reads all blocks of a file in order. After bad bytes it goes on at the next marker. */
export function* readBlocks(file: Buffer): Generator<Block | BadBytes, void, undefined> {
  let offset = 0
  while (offset < file.byteLength) {
    const read = readBlock(file, offset)
    yield read
    offset = 'payload' in read ? offset + headerBytes + read.payload.byteLength : read.end
  }
}

function readBlock(file: Buffer, offset: number): Block | BadBytes {
  const rest = file.byteLength - offset
  if (rest < headerBytes && isPrefixOfBlock(file.subarray(offset))) {
    return { offset, end: file.byteLength, reason: 'a block ends within its header', torn: true }
  }
  const header = file.subarray(offset, offset + headerBytes)
  if (!isHeader(header)) {
    const next = nextHeader(file, offset + 1)
    // A file system leaves zeros when it has grown the file and lost the data.
    const torn = next === file.byteLength && file.subarray(offset).every((byte) => byte === 0)
    return { offset, end: next, reason: 'no block begins here', torn }
  }
  const end = offset + headerBytes + header.readUInt32BE(8)
  if (end > file.byteLength) {
    return { offset, end: file.byteLength, reason: 'the file ends within a block', torn: true }
  }
  const payload = file.subarray(offset + headerBytes, end)
  if (crc32(payload) !== header.readUInt32BE(12)) {
    return { offset, end, reason: 'the checksum of a block is wrong', torn: false }
  }
  return { offset, seq: Number(header.readBigUInt64BE(16)), payload }
}

function isHeader(header: Buffer): boolean {
  if (header.byteLength < headerBytes || header.compare(marker, 0, 8, 0, 8) !== 0) return false
  return crc32(header.subarray(0, 24)) === header.readUInt32BE(24)
}

function isPrefixOfBlock(bytes: Buffer): boolean {
  const length = Math.min(bytes.byteLength, marker.byteLength)
  return bytes.compare(marker, 0, length, 0, length) === 0
}

function nextHeader(file: Buffer, from: number): number {
  for (let at = file.indexOf(marker, from); at !== -1; at = file.indexOf(marker, at + 1)) {
    if (isHeader(file.subarray(at, at + headerBytes))) return at
  }
  return file.byteLength
}
