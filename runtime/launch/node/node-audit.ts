import { join } from 'node:path'
import { systemClock } from '../../clock.js'
import { Audit } from '../../observe/audit.js'
import type { Log } from '../../observe/log.js'
import { MIB_BYTES } from '../../units.js'
import type { CommonSpec } from './node-spec.js'

/** Undefined: the deployment file asks for none. */
export function openAudit({ audit, cluster, name }: CommonSpec, log: Log): Audit | undefined {
  if (!audit) return undefined
  const { directory, maxMib, files } = audit
  return new Audit(name, {
    path: join(directory, `${cluster}-${name}.jsonl`),
    maxBytes: maxMib * MIB_BYTES,
    files,
    wallMs: systemClock.wallMs,
    onTrouble: (error) => log.error('the audit cannot be written', { error }),
  })
}
