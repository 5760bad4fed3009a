import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { TestContext } from 'node:test'
import { removeTree } from '../../runtime/code/cache-files.js'

/** A temporary folder that is removed after the test, whatever is read-only in it. */
export async function tempFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'firesteel-code-'))
  t.after(() => removeTree(folder))
  return folder
}

/** A link: where it leads. */
export interface LinkTo {
  readonly to: string
}

/** Writes files below a folder: path -> content or link. A path that ends with `*` is executable. */
export async function writeFiles(
  folder: string,
  files: Readonly<Record<string, string | Buffer | LinkTo>>,
): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    const path = join(folder, name.replace(/\*$/, ''))
    await mkdir(dirname(path), { recursive: true })
    await rm(path, { force: true })
    if (typeof content === 'object' && 'to' in content) await symlink(content.to, path)
    else await writeFile(path, content)
    if (name.endsWith('*')) await chmod(path, 0o755)
  }
}
