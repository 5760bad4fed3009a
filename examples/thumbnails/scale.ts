import type { Image } from './png.js'

/**
 * A smaller picture of this width, in the same proportions: each pixel is the mean of those that it stands
 * for. A picture that is not wider stays as it is.
 */
export function scaledTo(width: number, image: Image): Image {
  if (image.width <= width) return image
  const height = Math.max(1, Math.round((image.height * width) / image.width))
  const pixels = new Uint8Array(width * height * 3)
  for (let y = 0; y < height; y++) {
    const [top, bottom] = rangeOf(y, height, image.height)
    for (let x = 0; x < width; x++) {
      const [left, right] = rangeOf(x, width, image.width)
      const sums: [number, number, number] = [0, 0, 0]
      for (let row = top; row < bottom; row++) {
        for (let at = (row * image.width + left) * 3; at < (row * image.width + right) * 3; at += 3) {
          sums[0] += image.pixels[at]!
          sums[1] += image.pixels[at + 1]!
          sums[2] += image.pixels[at + 2]!
        }
      }
      const count = (bottom - top) * (right - left)
      pixels.set(
        sums.map((sum) => Math.round(sum / count)),
        (y * width + x) * 3,
      )
    }
  }
  return { width, height, pixels }
}

/** The pixels of the large picture, from and to, that one of the small picture stands for. */
const rangeOf = (at: number, of: number, size: number): [from: number, to: number] => [
  Math.floor((at * size) / of),
  Math.max(Math.floor((at * size) / of) + 1, Math.floor(((at + 1) * size) / of)),
]
