/*
 * The ledger as a server. It stands for your database, which may do the same in one statement: see
 * docs/recipes.md.
 *
 *     node dist/examples/nightly/server.js FILE [PORT]        default port 7300
 *
 * PUT /claim and PUT /entries/KEY with the header `Fencing-Token: DRIVER/GENERATION`; 409 if the token is
 * too old. GET /entries is all that was written.
 */
import { type FileHandle, open, readFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { wholeNumber } from '../whole-number.js'
import { type Answer, Ledger, type Line, type Token } from './ledger.js'

const STATUS: Readonly<Record<Answer, number>> = { accepted: 201, there: 200, refused: 409 }

/** Listens on this port of the loopback interface; 0 is any free one. */
export async function startLedger(path: string, port: number): Promise<Server> {
  const ledger = new Ledger()
  for (const line of await linesOf(path)) ledger.add(line)
  const file = await open(path, 'a')
  // A crash may have left a line without its end.
  await file.appendFile('\n')
  // One request after the other, so that nobody takes over between the look at a token and the write.
  let last: Promise<void> = Promise.resolve()
  const server = createServer((request, response) => {
    last = last
      .then(() => answer(ledger, file, request, response))
      .catch((error: Error) => void response.writeHead(500).end(error.message))
  })
  server.on('close', () => void file.close())
  return new Promise((resolve, reject) => {
    server.once('error', reject).listen(port, '127.0.0.1', () => resolve(server))
  })
}

async function answer(
  ledger: Ledger,
  file: FileHandle,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const [, what, key = ''] = (request.url ?? '').split('/').map(decodeURIComponent)
  if (request.method === 'GET' && what === 'entries') {
    response.end(JSON.stringify(Object.fromEntries(ledger.entries)))
    return
  }
  const token = tokenOf(request)
  if (request.method !== 'PUT' || token === undefined || (what !== 'claim' && key === '')) {
    response.writeHead(400).end('PUT /claim or PUT /entries/KEY with a Fencing-Token')
    return
  }
  const line: Line = what === 'claim' ? { claim: token } : { key, value: Number(await text(request)) }
  const found = what === 'claim' ? ledger.answerToClaim(token) : ledger.answerToWrite(token, key)
  if (found === 'accepted') {
    await file.appendFile(`${JSON.stringify(line)}\n`)
    await file.datasync()
    ledger.add(line)
  }
  response.writeHead(STATUS[found]).end(found)
}

function tokenOf({ headers }: IncomingMessage): Token | undefined {
  const [, driver, generation] = /^(.+)\/(\d{1,15})$/.exec(String(headers['fencing-token'])) ?? []
  return driver === undefined ? undefined : { driver, generation: Number(generation) }
}

async function linesOf(path: string): Promise<Line[]> {
  const file = await readFile(path, 'utf8').catch(() => '')
  return file.split('\n').flatMap((line) => {
    try {
      return [JSON.parse(line) as Line]
    } catch {
      // An empty line, or one that a crash has cut off. Nobody was told that it was accepted.
      return []
    }
  })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [path = 'ledger.jsonl', port] = process.argv.slice(2)
  await startLedger(path, wholeNumber(port, 'PORT', 7300))
  console.log('the ledger listens')
}
