import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type CertificateTexts,
  issueCertificate,
  makeAuthority,
  makeRevocationList,
} from '../../runtime/tls/certificate-maker.js'
import { TlsSource } from '../../runtime/tls/tls-source.js'

const DAY_MS = 86_400_000

export interface IssuedTexts extends CertificateTexts {
  readonly name: string
}

/** A CA of a test, in a folder that goes with the test. */
export class TestAuthority {
  readonly folder: string
  readonly texts: CertificateTexts
  readonly ca: string

  private constructor(folder: string, texts: CertificateTexts) {
    this.folder = folder
    this.texts = texts
    this.ca = this.write('ca.pem', texts.cert)
  }

  static async make(): Promise<TestAuthority> {
    const folder = mkdtempSync(join(tmpdir(), 'firesteel-ca-'))
    return new TestAuthority(folder, await makeAuthority(DAY_MS, Date.now()))
  }

  write(name: string, text: string): string {
    const path = join(this.folder, name)
    writeFileSync(path, text, { mode: 0o600 })
    return path
  }

  issue(
    name: string,
    options: { hosts?: readonly string[]; isClient?: boolean; validMs?: number; nowMs?: number } = {},
  ): Promise<CertificateTexts> {
    const {
      hosts = ['127.0.0.1', 'localhost'],
      isClient = false,
      validMs = DAY_MS,
      nowMs = Date.now(),
    } = options
    return issueCertificate(this.texts, { name, hosts: isClient ? [] : hosts, isClient, validMs, nowMs })
  }

  /** Issues a certificate and writes its files. */
  async files(
    name: string,
    options?: Parameters<TestAuthority['issue']>[1],
  ): Promise<{ readonly ca: string; readonly cert: string; readonly key: string }> {
    const { cert, key } = await this.issue(name, options)
    return { ca: this.ca, cert: this.write(`${name}.pem`, cert), key: this.write(`${name}-key.pem`, key) }
  }

  async source(name: string, options?: Parameters<TestAuthority['issue']>[1]): Promise<TlsSource> {
    return new TlsSource({
      files: await this.files(name, options),
      use: { isNode: options?.isClient !== true },
    })
  }

  /** Of a client that has no certificate. */
  visitor(): TlsSource {
    return new TlsSource({ files: { ca: this.ca }, use: { isNode: false } })
  }

  revoke(serials: readonly string[]): Promise<string> {
    return makeRevocationList(this.texts, serials, Date.now())
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }
}
