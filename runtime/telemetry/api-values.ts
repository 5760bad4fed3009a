/* Values of enums of the API, which is loaded only where somebody traces. */

/** `SpanKind`. */
export const spanKinds = { internal: 0, server: 1, client: 2, producer: 3, consumer: 4 } as const
/** `SpanStatusCode`. */
export const statusCodes = { error: 2 } as const
