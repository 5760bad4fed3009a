import { join } from 'node:path'
import { runCommand } from './run-command.js'

/** Paths of PEM files. */
export interface TestCertificates {
  readonly ca: string
  readonly cert: string
  readonly key: string
}

/** A self-signed certificate for 127.0.0.1 and localhost that is valid for a day. */
export async function makeCertificates(folder: string): Promise<TestCertificates> {
  const cert = join(folder, 'tls-cert.pem')
  const key = join(folder, 'tls-key.pem')
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1,DNS:localhost']
  const { code, stderr } = await runCommand({
    command: 'openssl',
    args: [
      ...[
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:prime256v1',
        '-nodes',
        '-days',
        '1',
      ],
      ...['-keyout', key, '-out', cert, ...subject],
    ],
    cwd: folder,
    env: { PATH: process.env.PATH ?? '', HOME: folder },
  })
  if (code !== 0) throw new Error(`openssl could not make a certificate: ${stderr}`)
  return { ca: cert, cert, key }
}
