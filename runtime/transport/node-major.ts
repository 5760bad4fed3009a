/** Told in the handshake and logged; majors may mix (protocol 16). */
export const nodeMajor = Number.parseInt(process.versions.node, 10)
