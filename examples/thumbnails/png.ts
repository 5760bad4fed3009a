import { crc32, deflateSync, inflateSync } from 'node:zlib'

/* PNG files of 8-bit RGB without interlace: enough for this example, and no native code. */

export interface Image {
  readonly width: number
  readonly height: number
  /** Red, green and blue of each pixel, row by row. */
  readonly pixels: Uint8Array
}

const CHANNELS = 3
const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])
const RGB = 2
/** Filter "Up": a byte is stored as the difference to the byte above it. */
const UP = 2

/** Throws for anything that is not such a file. */
export function decodePng(file: Buffer): Image {
  if (!file.subarray(0, SIGNATURE.length).equals(SIGNATURE)) throw new Error('this is no PNG file')
  let header: Buffer | undefined
  const packed: Buffer[] = []
  for (let at = SIGNATURE.length; at + 12 <= file.length; ) {
    const length = file.readUInt32BE(at)
    const type = file.toString('latin1', at + 4, at + 8)
    const data = file.subarray(at + 8, at + 8 + length)
    if (data.length < length) throw new Error(`the file ends within its ${type}`)
    if (type === 'IHDR') header = data
    else if (type === 'IDAT') packed.push(data)
    at += 12 + length
  }
  if (header === undefined || packed.length === 0) throw new Error('the file has no image')
  const [width, height] = [header.readUInt32BE(0), header.readUInt32BE(4)]
  const [depth, colour, , , interlace] = header.subarray(8)
  if (depth !== 8 || colour !== RGB || interlace !== 0) throw new Error('only 8-bit RGB without interlace')
  return { width, height, pixels: unfiltered(inflateSync(Buffer.concat(packed)), width, height) }
}

export function encodePng({ width, height, pixels }: Image): Buffer {
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header.set([8, RGB], 8)
  const stride = width * CHANNELS
  const rows = Buffer.alloc(height * (1 + stride))
  for (let y = 0; y < height; y++) {
    rows[y * (1 + stride)] = UP
    for (let x = 0; x < stride; x++) {
      const above = y === 0 ? 0 : pixels[(y - 1) * stride + x]!
      rows[y * (1 + stride) + 1 + x] = pixels[y * stride + x]! - above
    }
  }
  const chunks = [chunk('IHDR', header), chunk('IDAT', deflateSync(rows)), chunk('IEND', Buffer.alloc(0))]
  return Buffer.concat([SIGNATURE, ...chunks])
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data])
  const bytes = Buffer.alloc(body.length + 8)
  bytes.writeUInt32BE(data.length, 0)
  body.copy(bytes, 4)
  bytes.writeUInt32BE(crc32(body), body.length + 4)
  return bytes
}

/** Each row begins with the number of its filter, which says from what its bytes are the difference. */
function unfiltered(rows: Buffer, width: number, height: number): Uint8Array {
  const stride = width * CHANNELS
  if (rows.length !== height * (1 + stride)) throw new Error('the image has not as many rows as it says')
  const pixels = new Uint8Array(height * stride)
  for (let y = 0; y < height; y++) {
    const filter = rows[y * (1 + stride)]!
    for (let x = 0; x < stride; x++) {
      const at = y * stride + x
      const left = x < CHANNELS ? 0 : pixels[at - CHANNELS]!
      const above = y === 0 ? 0 : pixels[at - stride]!
      const corner = x < CHANNELS || y === 0 ? 0 : pixels[at - stride - CHANNELS]!
      pixels[at] = rows[y * (1 + stride) + 1 + x]! + predicted(filter, left, above, corner)
    }
  }
  return pixels
}

function predicted(filter: number, left: number, above: number, corner: number): number {
  if (filter === 0) return 0
  if (filter === 1) return left
  if (filter === UP) return above
  if (filter === 3) return (left + above) >> 1
  // Paeth: the neighbour that is nearest to left + above - corner.
  const [toLeft, toAbove] = [Math.abs(above - corner), Math.abs(left - corner)]
  const toCorner = Math.abs(left + above - 2 * corner)
  if (toLeft <= toAbove && toLeft <= toCorner) return left
  return toAbove <= toCorner ? above : corner
}
