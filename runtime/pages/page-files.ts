import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { builtFile } from '../built-file.js'

/* The files of the pages. They are read once, and their addresses change with their content. */

const types = {
  'pages.css': 'text/css; charset=UTF-8',
  'pages.js': 'text/javascript; charset=UTF-8',
  'icon.svg': 'image/svg+xml',
} as const

export type PageFileName = keyof typeof types

export interface PageFile {
  readonly bytes: Buffer
  readonly type: string
  /** Where the page finds it. */
  readonly href: string
}

const known = new Map<PageFileName, PageFile>()

export const isPageFile = (name: string): name is PageFileName => Object.hasOwn(types, name)

export function pageFile(name: PageFileName): PageFile {
  const before = known.get(name)
  if (before) return before
  const bytes = readFileSync(builtFile(`runtime/pages/assets/${name}`))
  const version = createHash('sha256').update(bytes).digest('hex').slice(0, 12)
  const file = { bytes, type: types[name], href: `/assets/${name}?v=${version}` }
  known.set(name, file)
  return file
}
