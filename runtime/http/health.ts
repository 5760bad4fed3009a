import type { Hono } from 'hono'

/**
 * `ok`: the node's actor runs. A failed node ends within a second, and until then it must not be taken for a
 * healthy one.
 */
export type NodeHealth = 'starting' | 'ok' | 'failed'

/** `/healthz`: 200 while the node works, 503 otherwise. */
export function addHealth(routes: Hono, health: () => NodeHealth): void {
  routes.get('/healthz', (context) => {
    const status = health()
    return context.json({ status }, status === 'ok' ? 200 : 503)
  })
}
