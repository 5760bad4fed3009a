/** Sent in the handshake and logged. Majors may mix (protocol 16). */
export const nodeMajor = Number.parseInt(process.versions.node, 10)
