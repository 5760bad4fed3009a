import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { createProgram } from './cli.js'
import { commandsPage } from './commands-page.js'
import { dependenciesPage } from './dependencies-page.js'
import { configurationPage, errorsPage } from './docs-pages.js'
import { limitsPage } from './limits-page.js'
import { metricsPage } from './metrics-doc.js'

/* `npm run docs` writes the generated pages of docs/ in the current folder. */

const nothing = (): void => undefined
const program = await createProgram([], async () => undefined, { out: nothing, err: nothing })

await mkdir('docs', { recursive: true })
await writeFile('docs/commands.md', commandsPage(program))
await writeFile('docs/configuration.md', configurationPage())
await writeFile('docs/dependencies.md', dependenciesPage(await readFile('package-lock.json', 'utf8')))
await writeFile('docs/errors.md', errorsPage())
await writeFile('docs/limits.md', limitsPage(await readFile('runtime/limits.ts', 'utf8')))
await writeFile('docs/metrics.md', metricsPage())
