import type { Hono } from 'hono'

/** `ok`: its actor is served. A failed node ends within a second; until then it must not be taken for a living one. */
export type NodeHealth = 'starting' | 'ok' | 'failed'

/** `/healthz`: 200 while the node does its work, 503 otherwise. */
export function addHealth(routes: Hono, health: () => NodeHealth): void {
  routes.get('/healthz', (context) => {
    const status = health()
    return context.json({ status }, status === 'ok' ? 200 : 503)
  })
}
