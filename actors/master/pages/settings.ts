import { html } from '../../../runtime/pages/html.js'
import type { Page } from '../../../runtime/pages/layout.js'
import type { PageQuery } from '../../../runtime/pages/page-set.js'
import { code, table } from '../../../runtime/pages/parts.js'
import type { MasterPageView } from './view.js'

/** The settings in force on this Master. Secrets and passwords are not among them. */
export function settingsPage({ view }: PageQuery<MasterPageView>): Page {
  return {
    title: 'Settings',
    main: html`<h1>Settings</h1>
<p class="lead">What is in force on this Master. The keys are those of the deployment file; <code>firesteel check FILE</code> shows what a file means before you use it.</p>
${table({
  caption: 'Settings in force',
  columns: [{ title: 'Key' }, { title: 'Value' }],
  rows: view.settings.map(({ key, value }) => ({ key, cells: [code(key), value] })),
})}`,
  }
}
