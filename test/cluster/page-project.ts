import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { waitUntil } from '../harness/wait-until.js'
import { blocksOf, type CommandsBlock, missingLines } from '../tools/page-blocks.js'
import { PageShell } from './page-shell.js'

/* Empty projects with the packed package, and pages whose blocks run in one. */

const run = promisify(execFile)
export const root = fileURLToPath(new URL('../../../', import.meta.url))
const npmEnvironment = {
  ...process.env,
  npm_config_prefer_offline: 'true',
  npm_config_audit: 'false',
  npm_config_fund: 'false',
}

/** How every page begins. */
const installation = 'npm init -y\nnpm install ../firesteel-0.1.0.tgz\n'
const projects = await mkdtemp(join(tmpdir(), 'firesteel-package-'))
after(() => rm(projects, { recursive: true, force: true }))

/** An empty project with the packed package, made once: what follows are copies of it. */
async function installed(): Promise<string> {
  const project = join(projects, 'installed')
  await mkdir(project)
  // Built already: its scripts would build again under the feet of the other tests.
  await run('npm', ['pack', '--ignore-scripts', '--pack-destination', projects], { cwd: root })
  await run('bash', ['-e', '-c', installation], { cwd: project, env: npmEnvironment })
  return project
}
let first: Promise<string> | undefined

export async function emptyProject(name: string): Promise<string> {
  first ??= installed()
  const project = join(projects, name)
  await cp(await first, project, { recursive: true, verbatimSymlinks: true })
  return project
}

/** Commands that read: what they print may take a moment to become so. */
const isQuestion = (text: string): boolean => /^(npx firesteel (status|logs)|curl)\b.*\n$/s.test(text)

/** Runs commands of a page, and holds what they print against it. */
async function runCommands(shell: PageShell, { line, text, output }: CommandsBlock): Promise<void> {
  const attempt = async (): Promise<true> => {
    const printed = await shell.run(text)
    assert.ok(!printed.failed, `line ${line}: ${text}failed:\n${printed.output}${printed.errors}`)
    const missing = output === undefined ? [] : missingLines(output, printed.output)
    assert.deepEqual(missing, [], `line ${line}: ${text}printed:\n${printed.output}${printed.errors}`)
    return true
  }
  if (isQuestion(text)) await waitUntil(`what line ${line} says`, attempt)
  else await attempt()
}

const refused = PageShell.refused()

/** A test that every block of a page, such as `docs/tutorial.md`, does what the page says. */
export function testPage(page: string): void {
  test(`every command and program of ${page} does in an empty project what the page says`, {
    skip: refused ?? false,
  }, async () => {
    const project = await emptyProject(basename(page, '.md'))
    const shell = new PageShell(project)
    try {
      for (const block of blocksOf(await readFile(join(root, page), 'utf8'))) {
        if (block.kind === 'file') await writeFile(join(project, block.name), block.text)
        else if (/^npm /.test(block.text)) assert.equal(block.text, installation, `line ${block.line}`)
        else await runCommands(shell, block)
      }
    } finally {
      await shell.end()
    }
  })
}
