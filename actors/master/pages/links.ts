import { type Html, html } from '../../../runtime/pages/html.js'
import { pathPart } from '../../../runtime/pages/path-part.js'
import type { Owner } from '../../messages/tokens.js'
import { type MasterPageView, workerOf } from './view.js'

/* Where the page of a thing is. An id is encoded, because its process chose it. */

export const workerHref = (id: string): string => `/workers/${pathPart(id)}`
export const applicationHref = (id: string): string => `/applications/${pathPart(id)}`
export const driverHref = (id: string): string => `/drivers/${pathPart(id)}`

/** A Worker by its name. One that is not known any more has no page. */
export function workerLink(view: MasterPageView, id: string): Html {
  const worker = workerOf(view, id)
  return worker ? html`<a href="${workerHref(id)}">${worker.name}</a>` : html`<span>${id}</span>`
}

export const idLink = (href: string, id: string): Html => html`<a class="id" href="${href}">${id}</a>`

/** The log of a driver or executor, on the Worker that has it. */
export function logHref(workerId: string, id: string): string {
  const to = new URLSearchParams({ to: `/logs/${pathPart(id)}` })
  return `/go/worker/${pathPart(workerId)}?${to}`
}

/** Undefined: no Worker that can be asked has it. */
export const logLink = (workerId: string | undefined, id: string): Html =>
  workerId === undefined
    ? html`<span class="hint">its Worker is gone</span>`
    : html`<a href="${logHref(workerId, id)}" aria-label="Log of ${id}">Log</a>`

/** Whose work it is: the name of a token, or that it was submitted with the secret. */
export const ownerText = ({ id, name }: Owner): string =>
  id === undefined ? "a holder of the cluster's secret" : name
