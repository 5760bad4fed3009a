import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import {
  dependenciesPage,
  lockedPackages,
  productionPackages,
} from '../../runtime/launch/cli/dependencies-page.js'

/* What comes with Firesteel: known, counted, with checksums, and nothing of it runs at its installation. */

const lockText = readFileSync('package-lock.json', 'utf8')
const packages = lockedPackages(lockText)
const others = Object.entries(packages).filter(([place]) => place !== '')

test('the page of dependencies is what the lock file says', () => {
  assert.equal(readFileSync('docs/dependencies.md', 'utf8'), dependenciesPage(lockText), 'run `npm run docs`')
})

test('every package in the lock file has a version and a checksum, and none comes from elsewhere', () => {
  assert.ok(others.length > 100)
  for (const [place, locked] of others) {
    assert.match(locked.integrity ?? '', /^sha512-[A-Za-z0-9+/]{86}==$/, place)
    assert.match(locked.version ?? '', /^\d+\.\d+\.\d+/, place)
    const { resolved } = locked as { resolved?: string }
    // Without it npm asks the registry that its user has set.
    assert.equal(resolved, undefined, place)
  }
})

test('no package that is installed with Firesteel has an install script, and Firesteel has none', () => {
  for (const [name, locked] of productionPackages(packages)) assert.ok(!locked.hasInstallScript, name)
  const withScript = others.filter(([, { hasInstallScript }]) => hasInstallScript).map(([place]) => place)
  // For development. Both work without it: the Dockerfile builds with --ignore-scripts.
  assert.deepEqual(withScript, ['node_modules/esbuild', 'node_modules/msgpackr-extract'])
  assert.match(readFileSync('Dockerfile', 'utf8'), /npm ci --ignore-scripts && npm run build/)
  const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> }
  for (const name of ['preinstall', 'install', 'postinstall']) assert.equal(scripts[name], undefined)
})

test('dependencies have exact versions and licences that let everybody use them', () => {
  const { dependencies, devDependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as Record<
    string,
    Record<string, string>
  >
  for (const [name, version] of Object.entries({ ...dependencies, ...devDependencies }))
    assert.match(version, /^\d+\.\d+\.\d+(-[\w.]+)?$/, name)
  for (const [name, { license }] of productionPackages(packages))
    assert.match(license ?? '', /^(MIT|ISC|Apache-2\.0|BSD-[23]-Clause|0BSD|BlueOak-1\.0\.0)$/, name)
})

test('a package is counted if an installation brings it, and told from one of the same name elsewhere', () => {
  const lock = {
    packages: {
      '': { dependencies: { a: '1.0.0' } },
      'node_modules/a': { version: '1.0.0', license: 'MIT', dependencies: { '@s/b': '^2' } },
      'node_modules/@s/b': { version: '2.0.0', license: 'ISC' },
      'node_modules/a/node_modules/@s/b': { version: '1.0.0', license: 'MIT' },
      'node_modules/tool': { version: '1.0.0', dev: true, dependencies: { '@s/b': '^2' } },
      'node_modules/choice': { version: '1.0.0', peer: true },
      'node_modules/both': { version: '1.0.0', devOptional: true },
    },
  }
  const page = dependenciesPage(JSON.stringify(lock))
  assert.match(page, /brings 3 packages: 1 that it names/)
  assert.match(page, /MIT \(2\), ISC \(1\)/)
  assert.match(page, /\| `a` \| 1\.0\.0 \| MIT \| Firesteel \|\n/)
  assert.ok(page.indexOf('| `@s/b` | 1.0.0 | MIT | a |') < page.indexOf('| `@s/b` | 2.0.0 | ISC | a |'))
  assert.ok(!page.includes('tool') && !page.includes('choice') && !page.includes('`both`'))
})
