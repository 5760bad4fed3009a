import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { findCommand } from './find-command.js'

/* A real browser for tests of pages, and what it must never say or ask. */

/** It finds no host but this machine, so that a page that asks for one fails. */
const onlyHere = '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1'

export const launchBrowser = (): Promise<Browser> =>
  chromium.launch({
    executablePath: findCommand('chromium'),
    // Chromium does not run as root otherwise. Only our own pages are opened.
    args: ['--no-sandbox', onlyHere],
  })

/** A page, and what went wrong on it. */
export interface WatchedPage extends AsyncDisposable {
  readonly page: Page
  /** Errors on the console, of scripts, and requests that left the allowed origins. */
  readonly problems: string[]
  /** Origins that it may ask. */
  readonly origins: Set<string>
}

export async function openPage(
  browser: Browser,
  origins: readonly string[],
  options: BrowserContextOptions = {},
): Promise<WatchedPage> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, ...options })
  const page = await context.newPage()
  const allowed = new Set(origins)
  const problems: string[] = []
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(`console: ${message.text()} (${message.location().url})`)
  })
  page.on('pageerror', (error) => problems.push(`script: ${error.message}`))
  page.on('dialog', (dialog) => problems.push(`dialog: ${dialog.message()}`))
  context.on('request', (request) => {
    const { origin } = new URL(request.url())
    if (!allowed.has(origin)) problems.push(`request: ${request.url()}`)
  })
  return { page, problems, origins: allowed, [Symbol.asyncDispose]: () => context.close() }
}

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** What axe finds wrong with the page as it is now. */
export async function accessibilityProblems(page: Page): Promise<string[]> {
  // The protocol of the browser runs it, so the policy of the page need not allow it.
  await page.evaluate(axe)
  const { violations } = (await page.evaluate("axe.run({ resultTypes: ['violations'] })")) as AxeResults
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`),
  )
}

interface AxeResults {
  readonly violations: readonly {
    readonly id: string
    readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[]
  }[]
}

/* What runs inside of the page is text, because the types of a browser are none of ours. */

/** How wide the page is, and how much of that is seen. */
export const widthsOf = (page: Page): Promise<{ readonly wide: number; readonly seen: number }> =>
  page.evaluate(`({
    wide: document.documentElement.scrollWidth,
    seen: document.documentElement.clientWidth,
  })`)

/** What an attack has left: what it has set, scripts beside ours, and elements that no page of ours has. */
export const attackedBy = (page: Page): Promise<unknown> =>
  page.evaluate(`[
    window.attacked ?? null,
    document.querySelectorAll('script').length - 1,
    document.querySelectorAll('base, iframe, style, object, embed, form[action^="http"]').length,
  ]`)

/** What has the focus, and whether that can be seen. */
export const focusedIn = (
  page: Page,
): Promise<{ readonly text: string; readonly id: string; readonly shown: boolean }> =>
  page.evaluate(`({
    text: document.activeElement.textContent.trim(),
    id: document.activeElement.id,
    shown: getComputedStyle(document.activeElement).outlineStyle !== 'none',
  })`)
