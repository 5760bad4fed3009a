/**
 * What nodes logged since a time of the wall clock, except about drivers. Each line has its ms since then.
 */
export function electionLog(log: string, fromWallMs: number): string {
  const said: string[] = []
  for (const line of log.split('\n')) {
    const record = parsed(line)
    // The launcher's own lines have no time.
    if (record === undefined) said.push(`      ${line}`)
    if (record === undefined || 'driverId' in record) continue
    const { at, node, role, component = role, level, message, ...fields } = record
    const sinceMs = Math.round(Date.parse(String(at)) - fromWallMs)
    if (sinceMs < -100) said.length = 0
    else said.push(`  ${sinceMs} ms ${node} ${component} ${level}: ${message} ${JSON.stringify(fields)}`)
  }
  return said.join('\n')
}

function parsed(line: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(line) as Record<string, unknown>
  } catch {
    return undefined
  }
}
