/* Half of a pair of UTF-16 has no place in an address. */
const HALF = /[\ud800-\udfff]/gu

/** A text as one part of a path. It never throws, whatever a process chose as its id. */
export const pathPart = (text: string): string => encodeURIComponent(text.replace(HALF, '\ufffd'))
