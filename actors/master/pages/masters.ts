import { type Html, html } from '../../../runtime/pages/html.js'
import { webOrigin } from '../../../runtime/pages/page-headers.js'
import { table } from '../../../runtime/pages/parts.js'
import { pathPart } from '../../../runtime/pages/path-part.js'
import { masterState } from './states.js'
import type { MasterPageView } from './view.js'

/* The Masters of a cluster, and where their pages are. */

/** Origins of the pages of all Masters that this one knows. */
export const masterOrigins = ({ state }: MasterPageView): string[] => [
  ...new Set(state.masters.flatMap(({ web }) => webOrigin(web) ?? [])),
]

/** The same of the Masters that are not this one. */
export function otherOrigins(view: MasterPageView): string[] {
  const own = webOrigin(view.state.web)
  return masterOrigins(view).filter((origin) => origin !== own)
}

/** Where the pages of the leader are; undefined: this Master does not know. */
export const leaderOrigin = ({ state }: MasterPageView): string | undefined =>
  webOrigin(state.masters.find(({ address }) => address === state.leader)?.web)

export function mastersTable(view: MasterPageView): Html {
  const { masters, address: own } = view.state
  const rows = masters.map(({ address, state, web }) => ({
    key: address,
    cells: [
      html`${address}${address === own && html` <span class="hint">this one</span>`}`,
      masterState(state),
      address === own || webOrigin(web) === undefined
        ? (web ?? 'not known')
        : html`<a href="/go/master/${pathPart(address)}">${web}</a>`,
    ],
  }))
  return table({
    caption: 'Masters',
    columns: [{ title: 'Address' }, { title: 'State' }, { title: 'Pages', minor: true }],
    rows,
  })
}
