import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { runCommand } from '../harness/run-command.js'
import { bin, folder } from '../tools/command-fixture.js'
import { commandMissing } from '../tools/find-command.js'

test('systemd has nothing to say against the units', {
  skip: commandMissing('systemd-analyze'),
}, async (t) => {
  const path = await folder(t)
  const units = readdirSync('config/systemd').filter((name) => name.endsWith('.service'))
  const verify = async (names: readonly string[]) => {
    const args = ['verify', '--recursive-errors=no', ...names.map((name) => join(path, name))]
    const { code, stdout, stderr } = await runCommand({
      command: 'systemd-analyze',
      args,
      cwd: path,
      env: { PATH: process.env.PATH ?? '' },
    })
    return { code, said: `${stdout}${stderr}` }
  }
  for (const name of units) {
    const text = readFileSync(join('config/systemd', name), 'utf8')
    // The program of this checkout, in place of one that is installed.
    writeFileSync(join(path, name), text.replace('ExecStart=firesteel', `ExecStart=${bin}`))
  }
  const started = units.map((name) => name.replace('@', '@n1'))
  assert.deepEqual(await verify(started), { code: 0, said: '' })
  // This check is one that can fail.
  writeFileSync(join(path, 'wrong.service'), '[Service]\nExecStart=/bin/true\nKillMod=mixed\n')
  assert.match((await verify(['wrong.service'])).said, /KillMod/)
})

test('the package holds what the units and the container image need', async (t) => {
  const { code, stdout, stderr } = await runCommand({
    command: 'npm',
    args: ['pack', '--dry-run', '--json', '--ignore-scripts'],
    cwd: process.cwd(),
    env: { PATH: process.env.PATH ?? '', HOME: await folder(t) },
  })
  assert.equal(code, 0, stderr)
  const [{ files }] = JSON.parse(stdout) as [{ files: { path: string; mode: number }[] }]
  const modes = new Map(files.map(({ path, mode }) => [path, mode]))
  for (const name of readdirSync('config', { recursive: true, withFileTypes: true })) {
    const path = join(name.parentPath, name.name)
    if (name.isFile()) assert.ok(modes.has(path), path)
  }
  for (const path of ['Dockerfile', 'docs/services.md', 'LICENSE']) assert.ok(modes.has(path), path)
  for (const path of ['config/docker/entrypoint.sh', 'dist/runtime/launch/cli/bin.js'])
    assert.equal(modes.get(path)! & 0o111, 0o111, `${path} can be run`)
})
