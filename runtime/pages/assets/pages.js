/*
 * The one script of all pages; they can be used without it. It keeps an open page current, shows how long ago
 * things were, and finds the leader after a failover.
 */
const { stream: address, have: first, others = '' } = document.body.dataset
const live = document.getElementById('live')
const connection = document.getElementById('connection')

// Times

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

const duration = (ms) => {
  if (ms < MINUTE) return `${Math.floor(ms / SECOND)} s`
  if (ms < HOUR) return `${Math.floor(ms / MINUTE)} min`
  const [unit, each, below, part] = ms < DAY ? ['h', HOUR, 'min', MINUTE] : ['d', DAY, 'h', HOUR]
  const rest = Math.floor((ms % each) / part)
  return `${Math.floor(ms / each)} ${unit}${rest > 0 ? ` ${rest} ${below}` : ''}`
}

const ago = (ms) => (ms < 0 ? `in ${duration(-ms)}` : ms < SECOND ? 'just now' : `${duration(ms)} ago`)

const showTimes = () => {
  for (const time of document.querySelectorAll('time[data-ago], time[data-for]')) {
    const ms = Date.now() - Date.parse(time.dateTime)
    const text = 'ago' in time.dataset ? ago(ms) : duration(Math.max(0, ms))
    if (time.textContent !== text) time.textContent = text
  }
}
showTimes()
setInterval(showTimes, SECOND)

// Changes: only what differs is touched, so that focus, selection and open parts stay.

const update = (from, to) => {
  if (from.nodeType !== to.nodeType || from.nodeName !== to.nodeName) {
    from.replaceWith(to.cloneNode(true))
    return
  }
  if (from.nodeType !== Node.ELEMENT_NODE) {
    if (from.nodeValue !== to.nodeValue) from.nodeValue = to.nodeValue
    return
  }
  for (const { name, value } of [...to.attributes])
    if (from.getAttribute(name) !== value) from.setAttribute(name, value)
  for (const { name } of [...from.attributes])
    if (!to.hasAttribute(name) && !(name === 'open' && from.nodeName === 'DETAILS'))
      from.removeAttribute(name)
  if (!from.matches('time[data-ago], time[data-for]')) updateChildren(from, to)
}

const updateChildren = (from, to) => {
  if (to.querySelector(':scope > [data-key]')) return updateRows(from, to)
  const old = [...from.childNodes]
  const next = [...to.childNodes]
  next.forEach((node, at) => {
    if (old[at]) update(old[at], node)
    else from.append(node.cloneNode(true))
  })
  for (const node of old.slice(next.length)) node.remove()
}

/** A row that is still there stays the same element. What stands in its place is moved no further than needed. */
const updateRows = (from, to) => {
  const keys = new Set([...to.children].map(({ dataset }) => dataset.key))
  for (const node of [...from.childNodes]) if (!keys.has(node.dataset?.key)) node.remove()
  const old = new Map([...from.children].map((row) => [row.dataset.key, row]))
  let place = from.firstChild
  for (const row of to.children) {
    const known = old.get(row.dataset.key)
    if (known === undefined) from.insertBefore(row.cloneNode(true), place)
    else {
      if (known === place) place = place.nextSibling
      else from.insertBefore(known, place)
      update(known, row)
    }
  }
}

/** The end of a log that is being followed stays in view, unless its reader has gone elsewhere in it. */
const NEAR = 40
const followed = () => document.querySelector('.log[data-follow]')
const toEnd = (log) => {
  if (log !== null) log.scrollTop = log.scrollHeight
}
toEnd(document.querySelector('.log[data-end]'))

const show = (text) => {
  const log = followed()
  const isAtEnd = log === null || log.scrollHeight - log.scrollTop - log.clientHeight < NEAR
  updateChildren(live, new DOMParser().parseFromString(text, 'text/html').body)
  if (isAtEnd) toEnd(followed())
  showTimes()
}

// The stream

const say = (text) => {
  connection.hidden = text === ''
  if (connection.textContent !== text) connection.textContent = text
}

let have = first
let source
let hello = {}
let lostAt = 0
/** The page has shown what a leader knows, so it goes where the next one is. */
let showedLeader = 'leads' in document.body.dataset

const path = () => location.pathname + location.search

/** Goes on with this page at another Master. A ticket of the session comes with it, if there is one. */
const goTo = (origin) => {
  const ticket = hello.tickets?.[origin]
  const to = encodeURIComponent(path())
  location.replace(
    ticket === undefined
      ? origin + path()
      : `${origin}/session?ticket=${encodeURIComponent(ticket)}&to=${to}`,
  )
}

const open = () => {
  source?.close()
  source = new EventSource(`${address}&have=${encodeURIComponent(have)}`)
  source.addEventListener('hello', ({ data }) => {
    hello = JSON.parse(data)
    lostAt = 0
    say('')
    showedLeader ||= hello.leads === true
    // The page showed a leader, and now another one leads.
    if (showedLeader && !hello.leads && hello.leader) goTo(hello.leader)
  })
  source.addEventListener('page', ({ data, lastEventId }) => {
    have = lastEventId
    show(JSON.parse(data))
  })
  source.addEventListener('error', () => {
    lostAt ||= Date.now()
    // It has ended for good where it was refused; otherwise the browser opens it again by itself.
    if (source.readyState === EventSource.CLOSED && !document.hidden) setTimeout(open, 5 * SECOND)
  })
}

const origins = others.split(' ').filter((origin) => origin !== '')

const askWhoLeads = async (origin) => {
  try {
    const answer = await fetch(`${origin}/leader`, { credentials: 'omit', cache: 'no-store' })
    return answer.ok ? origin : undefined
  } catch {
    return undefined
  }
}

/** The stream is gone for longer than its browser needs to open another. */
const LOST = 2 * SECOND

let isLooking = false
const lookForLeader = async () => {
  if (isLooking || document.hidden || lostAt === 0 || Date.now() - lostAt < LOST) return
  say('The connection to this node is lost. Looking for it, and for the Master that leads…')
  if (!showedLeader) return
  isLooking = true
  const leader = (await Promise.all(origins.map(askWhoLeads))).find((origin) => origin !== undefined)
  isLooking = false
  if (leader !== undefined && lostAt !== 0) goTo(leader)
}

/** A page that changes has a stream while somebody can see it. */
const keepCurrent = () => {
  setInterval(lookForLeader, SECOND)
  document.addEventListener('visibilitychange', () => {
    if (!document.hidden) open()
    else {
      source?.close()
      lostAt = 0
    }
  })
  addEventListener('pagehide', () => source?.close())
  if (!document.hidden) open()
}
if (address !== undefined) keepCurrent()
