import assert from 'node:assert/strict'
import { test } from 'node:test'
import { waitUntil } from '../harness/wait-until.js'
import { firesteel, folder, smallCluster, startUp } from '../tools/command-fixture.js'
import { ASKING, statusOf } from '../tools/status.js'

/** What a command line may hold. */
const evil = 'job\u001b[2J\u009b31m\u202eforged'
/** What a Master takes as a name: it refuses control characters, not changes of direction. */
const turned = 'job\u202eforged'
// biome-ignore lint/suspicious/noControlCharactersInRegex: exactly these must not be there
const acts = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202e]/

test('commands write nothing that acts on a terminal; --json is exact', async (t) => {
  const cwd = await folder(t, { 'c.yaml': smallCluster() })
  const up = await startUp(t, cwd, ['c.yaml'])
  await up.ready()
  const submit = ['submit', '--json', '--memory', '16m', '--name', turned, '/bin/true']
  const submitted = await firesteel(submit, { cwd })
  assert.equal(submitted.code, 0, submitted.stderr)
  const { id } = JSON.parse(submitted.stdout) as { id: string }
  const isOver = async () => (await statusOf<{ state: string }>({ directory: cwd }, id)).state === 'FINISHED'
  await waitUntil('its end', isOver, ASKING)
  for (const args of [
    ['status'],
    ['status', id],
    ['status', evil],
    ['logs', evil],
    ['check', `${evil}.yaml`],
    [evil],
  ]) {
    const { stdout, stderr } = await firesteel(args, { cwd })
    assert.doesNotMatch(stdout + stderr, acts, args[0])
  }
  const json = await firesteel(['status', id, '--json'], { cwd })
  assert.doesNotMatch(json.stdout, acts)
  assert.equal((JSON.parse(json.stdout) as { name: string }).name, turned)
})
