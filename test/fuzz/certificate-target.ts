import { Buffer } from 'node:buffer'
import { examineTls, type TlsField, type TlsTexts } from '../../runtime/tls/material.js'
import { blocksOf, derOf, textOf } from '../../runtime/tls/pem.js'
import { corpus, corpusAtMs } from './certificate-corpus.js'
import { applyEdits, makeEdits } from './edits.js'
import type { Random } from './random.js'
import { must, type Target } from './target.js'

const fields = ['ca', 'cert', 'key', 'crl'] as const satisfies readonly TlsField[]
const labels = { ca: 'CERTIFICATE', cert: 'CERTIFICATE', key: 'PRIVATE KEY', crl: 'X509 CRL' } as const
const EDITS_MAX = 4
const use = { isNode: true, hosts: ['n1.example.org', '127.0.0.1'] }

/** The files of `security.tls`: one or two are altered, as text or as the bytes that it stands for. */
export class CertificateTarget implements Target<TlsTexts> {
  readonly name = 'certificates'
  readonly atOnce = 1
  readonly #ders = fields.map((field) => derOf(blocksOf(corpus[field], labels[field])[0] ?? ''))

  generate(random: Random): TlsTexts {
    const texts: Record<TlsField, string> = { ...corpus }
    for (let n = random.int(2); n >= 0; n--) {
      const field = random.pick(fields)
      texts[field] = random.oneIn(3) ? this.#asText(random, texts[field]) : this.#asBytes(random, field)
    }
    return texts
  }

  run([texts]: readonly [TlsTexts]): string[] {
    const found = examineTls(texts, use, corpusAtMs)
    if (!found.problems) return ['they fit']
    must(found.problems.length > 0, 'nothing is wrong, and nothing fits')
    for (const { field, rule } of found.problems) {
      must(fields.includes(field as (typeof fields)[number]), `a problem of ${field}`)
      must(rule.length > 0 && !rule.includes('PRIVATE KEY-----'), `a rule that says ${rule}`)
    }
    return [`${found.problems[0]?.field} is wrong`]
  }

  #asText(random: Random, text: string): string {
    const others = [Buffer.from(corpus.ca), Buffer.from(corpus.crl)]
    return applyEdits(Buffer.from(text), makeEdits(random, EDITS_MAX, others)).toString('latin1')
  }

  #asBytes(random: Random, field: (typeof fields)[number]): string {
    const der = this.#ders[fields.indexOf(field)] as Buffer
    return textOf(applyEdits(der, makeEdits(random, EDITS_MAX, this.#ders)), labels[field])
  }
}
