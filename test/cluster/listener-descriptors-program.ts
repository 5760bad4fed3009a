import { closeSync, openSync } from 'node:fs'
import { Hono } from 'hono'
import { createHttpServer } from '../../runtime/http/server.js'
import { limits } from '../../runtime/limits.js'
import { listen } from '../../runtime/transport/listen.js'
import { TestAuthority } from '../tools/test-authority.js'
import { Inbox, NODE_KEY } from '../tools/transport-support.js'

/*
 * Runs with few descriptors (`ulimit -n`): the two listeners of a node, for links and for HTTPS. It ends with
 * its stdin.
 */

const shortages: string[] = []
const noteShortage = (why: string): void => {
  if (/EMFILE|ENFILE/.test(why)) shortages.push(why)
}

/** What the store and the files of a node need beside its connections. */
function openFiles(): number {
  const files: number[] = []
  try {
    while (files.length < 40) files.push(openSync('/dev/null', 'r'))
  } catch (error) {
    noteShortage(String(error))
  }
  for (const file of files) closeSync(file)
  return files.length
}

// What may stay for a second stays for the whole test, as if peers came as fast as a machine can send them.
Object.assign(limits, { linkLingerMs: 600_000 })

const authority = await TestAuthority.make()
const tls = await authority.source('node')
authority.remove()
const routes = new Hono()
routes.get('/files', (context) => context.json({ files: openFiles(), shortages }))
const http = await createHttpServer({
  host: '127.0.0.1',
  port: 0,
  tls,
  routes: () => routes,
  onRefused: (_, why) => noteShortage(why),
})
await http.prepare()
const links = await listen({
  host: '127.0.0.1',
  port: 0,
  identity: { cluster: 'test', incarnation: 'node-1' },
  keyFor: (role) => (role === 'client' ? NODE_KEY : undefined),
  onLink: (link) => link.setReceiver(new Inbox()),
  onRejected: ({ detail }) => noteShortage(detail),
})
process.stdout.write(`${JSON.stringify({ http: http.port, links: links.port })}\n`)
process.stdin.resume().once('end', () => process.exit(0))
