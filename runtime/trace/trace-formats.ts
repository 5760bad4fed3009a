/** How a merged trace can be printed. The first is the default. */
export const traceFormats = ['table', 'json', 'mermaid', 'svg'] as const
export type TraceFormat = (typeof traceFormats)[number]
