import { limits } from '../../runtime/limits.js'
import type { DriverReport, ExecutorReport } from '../messages/workers.js'

export interface ReportPage {
  readonly executors: ExecutorReport[]
  readonly drivers: DriverReport[]
  /** The report continues in the next message. */
  readonly more?: true
}

export interface ReportLimits {
  readonly reportItems: number
  readonly reportBytes: number
}

/**
 * The full report of a Worker, cut into messages that its link carries. There is at least one; the last has
 * no `more`. They are sent in one go, so that no later event is told between them.
 */
export function reportPages(
  executors: readonly ExecutorReport[],
  drivers: readonly DriverReport[],
  most: ReportLimits = limits,
): ReportPage[] {
  const pages: { executors: ExecutorReport[]; drivers: DriverReport[] }[] = [{ executors: [], drivers: [] }]
  let items = 0
  let bytes = 0
  const pageFor = (report: object) => {
    const size = Buffer.byteLength(JSON.stringify(report))
    if (items > 0 && (items >= most.reportItems || bytes + size > most.reportBytes)) {
      pages.push({ executors: [], drivers: [] })
      items = 0
      bytes = 0
    }
    items++
    bytes += size
    return pages[pages.length - 1] as (typeof pages)[number]
  }
  for (const report of drivers) pageFor(report).drivers.push(report)
  for (const report of executors) pageFor(report).executors.push(report)
  return pages.map((page, index) => (index < pages.length - 1 ? { ...page, more: true } : page))
}
