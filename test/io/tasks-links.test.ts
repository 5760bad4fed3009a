import assert from 'node:assert/strict'
import { cp, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type Mistake, plant, unknownNameIn, unplantable } from '../simulation/planting.js'
import { PayloadWorld, payloadCode } from './payload-world.js'

const build = fileURLToPath(new URL('../../', import.meta.url))
const STEPS = 400

test('every result ends once, whole, wherever links break between the chunks of inputs and results', async () => {
  const code = await payloadCode(build)
  let breaks = 0
  let duplicates = 0
  for (let seed = 0; seed < 150; seed++) {
    const world = new PayloadWorld(code, seed)
    assert.deepEqual(await world.explore(STEPS), [], `seed ${seed}`)
    breaks += world.breaks
    duplicates += world.tasks.reduce((sum, task) => sum + task.duplicates, 0)
  }
  assert.ok(breaks > 500, `${breaks} links broke`)
  assert.ok(duplicates > 20, `${duplicates} results came twice`)
})

const session = 'actors/executor/session.js'
const channel = 'actors/tasks/executor-channel.js'
const stream = 'actors/messages/task-stream.js'
const mistakes: readonly Mistake[] = [
  {
    name: 'a result is forgotten once it has been sent',
    file: session,
    find: 'if (this.#stream !== undefined && this.#welcomed && results.length > 0)',
    replace:
      'for (const { taskId } of results) this.#kept.delete(taskId);\n        if (this.#stream !== undefined && this.#welcomed && results.length > 0)',
  },
  {
    name: 'kept results are not sent again on a new link',
    file: session,
    find: 'this.#send([...this.#kept.values()], stream);',
    replace: '',
  },
  {
    name: 'half an input outlives its link',
    file: session,
    find: 'this.#inputs.clear();',
    replace: '',
  },
  {
    name: 'what an executor holds does not name its kept results',
    file: session,
    find: '[...this.#attempts.values(), ...this.#kept.values()]',
    replace: '[...this.#attempts.values()]',
  },
  {
    name: 'an attempt that is given again runs again',
    file: session,
    find: 'if (this.#attempts.get(taskId)?.n === n || this.#kept.get(taskId)?.n === n)',
    replace: 'if (false)',
  },
  {
    name: 'an older link is still listened to',
    file: session,
    find: 'const isCurrent = () => this.#stream === stream;',
    replace: 'const isCurrent = () => true;',
  },
  {
    name: 'the last chunk of a body is not sent',
    file: stream,
    find: 'next.offset >= next.body.byteLength',
    replace: 'next.offset + CHUNK_BYTES >= next.body.byteLength && next.offset > 0',
  },
  {
    name: 'a drained send queue is not pumped',
    file: stream,
    find: 'this.#jobs.splice(0, ran);\n        this.#pump();',
    replace: 'this.#jobs.splice(0, ran);',
  },
  {
    name: 'a large result goes out before its chunks',
    file: session,
    find: 'stream.sendBody(result, body, isWanted, () => {\n                writeResults([{ taskId, n, status, body: undefined }], stream.emit);\n            });',
    replace:
      'writeResults([{ taskId, n, status, body: undefined }], stream.emit);\n            stream.sendBody(result, body, isWanted, () => {});',
  },
  {
    name: 'a large input is taken for wanted by nobody',
    file: channel,
    find: '!this.#silenced && isWanted(task)',
    replace: 'false',
  },
  {
    name: 'chunks of two bodies of one task are one body',
    file: stream,
    find: "throw invalid('a body has not come');\n        this.#part = undefined;",
    replace: "throw invalid('a body has not come');",
  },
]

let folder: string
before(async () => {
  // Beside the build, so that packages are found from it.
  folder = await mkdtemp(join(build, '..', 'dist-mutant-payload-'))
})
after(() => rm(folder, { recursive: true, force: true }))

test('no mistake names what is not there', async () => {
  assert.deepEqual([...(await unplantable(build, mistakes)).values()], [])
})

for (const [index, mistake] of mistakes.entries()) {
  test(`the exploration finds: ${mistake.name}`, async () => {
    const copy = join(folder, String(index))
    await mkdir(copy)
    for (const part of ['actors', 'runtime']) {
      await cp(join(build, part), join(copy, part), {
        recursive: true,
        filter: (path) => !/\.(d\.ts|map)$/.test(path),
      })
    }
    await plant(copy, mistake)
    const code = await payloadCode(copy)
    let found: string | undefined
    for (let seed = 0; seed < 60 && found === undefined; seed++) {
      ;[found] = await new PayloadWorld(code, seed).explore(STEPS)
    }
    assert.ok(found !== undefined, 'nobody noticed')
    assert.equal(unknownNameIn(found), undefined, 'it is not planted')
  })
}
