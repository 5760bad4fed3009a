import { mkdir, writeFile } from 'node:fs/promises'
import { configurationPage, errorsPage } from './docs-pages.js'

/* `npm run docs` writes the generated pages of docs/ in the current folder. */

await mkdir('docs', { recursive: true })
await writeFile('docs/configuration.md', configurationPage())
await writeFile('docs/errors.md', errorsPage())
