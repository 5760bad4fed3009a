import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { otlpPackages } from '../../runtime/telemetry/otlp.js'

/* Without OpenTelemetry tasks run as ever, and a node that needs it says what to install. */

const preload = new URL('../tools/without-opentelemetry.js', import.meta.url).href
const program = fileURLToPath(new URL('./telemetry-absent-program.js', import.meta.url))

function run(args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, [...args], {
    encoding: 'utf8',
    timeout: 60_000,
  })
  assert.equal(status, 0, stderr)
  return stdout
}

const untraced = ['2 untraced', '4 untraced', '6 untraced']

test('nobody has registered an SDK: tasks carry no context, and the API is not loaded', () => {
  assert.deepEqual(JSON.parse(run([program])), { values: untraced, loaded: [] })
})

test('no package of OpenTelemetry is installed: nothing changes', () => {
  assert.deepEqual(JSON.parse(run(['--import', preload, program])), { values: untraced, loaded: [] })
})

test('a tracer provider is registered, and the API cannot be loaded: nothing changes', () => {
  assert.deepEqual(JSON.parse(run(['--import', preload, program, 'registered'])), {
    values: untraced,
    loaded: [],
  })
})

test('a node with tracing.otlp and without the packages says what to install', () => {
  const otlp = new URL('../../runtime/telemetry/otlp.js', import.meta.url).href
  const code = `const { openTracing } = await import(${JSON.stringify(otlp)})
    const options = { url: 'http://127.0.0.1:4318', cluster: 'c', role: 'master', node: 'm1', incarnation: 'i' }
    const error = await openTracing(options).then(() => undefined, (error) => error)
    process.stdout.write(JSON.stringify({ code: error.code, place: error.place, help: error.help, message: error.message }))`
  const {
    code: name,
    place,
    help,
    message,
  } = JSON.parse(run(['--import', preload, '--input-type=module', '-e', code])) as Record<string, string>
  assert.deepEqual([name, place], ['FIRESTEEL_OTLP_MISSING', 'tracing.otlp'])
  assert.equal(help, `Run npm install ${otlpPackages.join(' ')}, or leave tracing.otlp out.`)
  assert.match(message ?? '', /Cannot find package '@opentelemetry\//)
})
