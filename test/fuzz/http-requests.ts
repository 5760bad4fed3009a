import { Buffer } from 'node:buffer'
import { applyEdits, makeEdits } from './edits.js'
import type { Random } from './random.js'

const methods = ['GET', 'GET', 'GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS']
const oddMethods = ['TRACE', 'CONNECT', 'PROPFIND', 'get', 'BREW', '', 'GET GET']
const paths = [
  ...[
    '/',
    '/json',
    '/json/',
    '/json/status',
    '/json/workers',
    '/json/clusterutilization',
    '/healthz',
    '/readyz',
    '/leader',
  ],
  ...[
    '/json/__proto__',
    '/json/constructor',
    '/json/a/b',
    '/json/..%2f',
    '/json?x',
    '/../json',
    '/echo',
    '/nothing',
  ],
]
const oddPaths = [
  ...[
    '/json/%00',
    '/json/%',
    '/json/%ff%fe',
    '//json',
    '/json/../healthz',
    'http://127.0.0.1/json',
    'http://evil.example/json',
  ],
  ...[
    '*',
    '',
    '/json/\u00fc',
    '/json#x',
    '/json/\t',
    'json',
    '/json/%2e%2e/%2e%2e',
    '//evil.example/json',
    'http://[::1',
    '/\u0000',
  ],
]
const hosts = [
  ...[
    '127.0.0.1',
    'localhost',
    'localhost:80',
    '[::1]:80',
    'M1.example',
    'evil.example',
    '127.0.0.1.evil.example',
    '',
  ],
  ...[
    'localhost@evil.example',
    'localhost:99999',
    'localhost:x',
    '[::1',
    ' localhost ',
    'LOCALHOST',
    'xn--',
    '\u00e9',
    'a,b',
  ],
]
const origins = [
  'http://127.0.0.1',
  'https://localhost',
  'http://evil.example',
  'null',
  '',
  'localhost',
  'file://',
  'http://localhost:80',
]
const types = [
  ...[
    'application/json',
    'application/json; charset=utf-8',
    'Application/JSON',
    'text/plain',
    'text/json',
    '',
  ],
  ...[
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/json\u0000',
    ';application/json',
  ],
]
const oddVersions = ['HTTP/1.0', 'HTTP/0.9', 'HTTP/2.0', 'HTTP/1.', 'http/1.1', '']
const bodies = ['', '{}', '{"id":"x"}', '{"__proto__":{}}', 'null', '[', '\u0000', 'a=b', 'x'.repeat(3000)]
const oddHeaders = [
  ...[
    'Connection: close',
    'Connection: keep-alive',
    'Connection: upgrade\r\nUpgrade: websocket',
    'Upgrade: h2c',
    'Expect: 100-continue',
  ],
  ...[
    'Expect: x',
    'Transfer-Encoding: chunked',
    'Transfer-Encoding: gzip, chunked',
    'Transfer-Encoding: identity',
    'Content-Length: 5',
  ],
  ...[
    'Content-Length: -1',
    'Content-Length: 99999999999999999999',
    'Content-Length: 1\r\nContent-Length: 2',
    'Range: bytes=0-',
    'TE: trailers',
  ],
  ...[
    'X-Forwarded-Host: evil.example',
    'Accept: */*',
    'Accept-Encoding: gzip',
    'Cookie: a=b',
    ' folded: x',
    'X:',
    ': x',
    '__proto__: x',
  ],
  ...[
    'Host: second.example',
    'constructor: x',
    'Content-Type: text/plain',
    'Access-Control-Request-Method: POST',
    'If-None-Match: *',
  ],
]

const line = (name: string, value: string): string => `${name}: ${value}\r\n`

/** Makes a request that is nearly right: a well-formed frame around a malformed part. */
function makeRequest(random: Random): Buffer {
  const method = random.pick(random.oneIn(8) ? oddMethods : methods)
  const path = random.oneIn(40)
    ? `/json/${'x'.repeat(random.int(20_000))}`
    : random.pick(random.oneIn(3) ? oddPaths : paths)
  const body = random.oneIn(2) ? '' : random.pick(bodies)
  let head = `${method} ${path} ${random.oneIn(12) ? random.pick(oddVersions) : 'HTTP/1.1'}\r\n`
  if (!random.oneIn(12)) head += line('Host', random.oneIn(3) ? random.pick(hosts) : '127.0.0.1')
  if (random.oneIn(3)) head += line('Origin', random.pick(origins))
  if (body !== '' || random.oneIn(3)) head += line('Content-Type', random.pick(types))
  if (random.oneIn(4)) head += `${random.pick(oddHeaders)}\r\n`
  if (random.oneIn(200)) head += line('X-Large', 'x'.repeat(random.int(40_000)))
  if (random.oneIn(200)) for (let n = random.int(3000); n > 0; n--) head += 'X-Many: y\r\n'
  if (random.oneIn(6)) {
    const size = random.oneIn(2)
      ? Buffer.byteLength(body).toString(16)
      : random.pick(['0', '-1', 'ffffffff', 'x', '5;ext=1'])
    const chunk = body === '' ? '' : `${size}\r\n${body}\r\n`
    return Buffer.from(`${head}Transfer-Encoding: chunked\r\n\r\n${chunk}0\r\n\r\n`)
  }
  if (body !== '')
    head += line(
      'Content-Length',
      String(Buffer.byteLength(body) + (random.oneIn(6) ? random.int(9) - 4 : 0)),
    )
  return Buffer.from(`${head}\r\n${body}`)
}

const plain = paths.slice(0, 9).map((path) => Buffer.from(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`))

/** Makes the bytes of one connection: one or more requests, intact or mutated, or noise. */
export function makeHttpBytes(random: Random): Buffer {
  if (random.oneIn(16)) return random.bytes(random.size(300))
  const count = random.oneIn(5) ? 2 + random.int(3) : 1
  const all = Buffer.concat(
    Array.from({ length: count }, () => (random.oneIn(4) ? random.pick(plain) : makeRequest(random))),
  )
  return !random.oneIn(4) ? all : applyEdits(all, makeEdits(random, 4, plain))
}
