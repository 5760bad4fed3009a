import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { lockedPackages, productionPackages } from '../../runtime/launch/cli/dependencies-page.js'
import { runCommand } from '../harness/run-command.js'

test('the bill of materials has what an installation brings, with licences, and nothing else', async () => {
  const { stdout, stderr, code } = await runCommand({
    command: process.execPath,
    args: ['dist/test/tools/sbom.js'],
    cwd: process.cwd(),
    env: { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '/' },
  })
  assert.equal(code, 0, stderr)
  const { bomFormat, metadata, components } = JSON.parse(stdout) as {
    bomFormat: string
    metadata: { component: { name: string } }
    components: { name: string; version: string; licenses?: unknown[]; hashes?: unknown[] }[]
  }
  assert.deepEqual([bomFormat, metadata.component.name], ['CycloneDX', 'firesteel'])
  const named = (list: readonly (readonly [string, string | undefined])[]): string[] =>
    [...new Set(list.map(([name, version]) => `${name}@${version}`))].sort()
  const expected = productionPackages(lockedPackages(readFileSync('package-lock.json', 'utf8')))
  assert.deepEqual(
    named(components.map(({ name, version }) => [name, version])),
    named(expected.map(([name, { version }]) => [name, version])),
  )
  for (const { name, licenses = [], hashes = [] } of components)
    assert.ok(licenses.length > 0 && hashes.length > 0, name)
})
