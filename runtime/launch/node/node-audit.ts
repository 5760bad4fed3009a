import { join } from 'node:path'
import { systemClock } from '../../clock.js'
import { Audit } from '../../observe/audit.js'
import type { ThrottledLog } from '../../observe/log-throttle.js'
import { MIB_BYTES } from '../../units.js'
import type { CommonSpec } from './node-spec.js'

/**
 * Undefined: the deployment file asks for none. The log is throttled, because a disk may be full and have
 * room again many times in a minute.
 */
export function openAudit({ audit, cluster, name }: CommonSpec, log: ThrottledLog): Audit | undefined {
  if (!audit) return undefined
  const { directory, maxMib, files } = audit
  const path = join(directory, `${cluster}-${name}.jsonl`)
  return new Audit(name, {
    path,
    maxBytes: maxMib * MIB_BYTES,
    files,
    wallMs: systemClock.wallMs,
    onTrouble: (error) => log.note('error', 'audit trouble', 'the audit cannot be written', { path, error }),
    onLeftOut: (lines) =>
      log.warn('audit left out', 'the audit is written again, and lines are missing', { path, lines }),
    onReplaced: () =>
      log.warn('audit replaced', 'the file of the audit was removed or replaced: it goes on in a new one', {
        path,
      }),
  })
}
