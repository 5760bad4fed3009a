import { type Html, html, picture } from '../../../runtime/pages/html.js'
import { code, section, table } from '../../../runtime/pages/parts.js'
import { exactTime } from '../../../runtime/pages/words.js'
import { shortPath } from '../../../runtime/trace/actor-path.js'
import type { TracedMessage } from '../../../runtime/trace/merged-trace.js'
import { drawable, sequenceSvg } from '../../../runtime/trace/sequence-svg.js'

const handledText = ({ tookUs, refused }: TracedMessage): string => {
  if (refused) return 'not acted on'
  return tookUs === undefined ? '–' : `${tookUs} µs`
}

/** The messages about one driver that this Master sent and received: a picture, and a table beside it. */
export function sequenceSection(driverId: string, messages: readonly TracedMessage[]): Html | false {
  if (messages.length === 0) return false
  const title = 'Messages of this Master about the driver, in order'
  const rows = drawable(messages).map((message) => ({
    key: String(message.id),
    cells: [
      message.message,
      shortPath(message.from),
      shortPath(message.to),
      exactTime(message.atMs),
      handledText(message),
    ],
  }))
  const list = table({
    caption: title,
    columns: [
      { title: 'Message' },
      { title: 'From', minor: true },
      { title: 'To' },
      { title: 'Sent' },
      { title: 'Handled in', number: true, minor: true },
    ],
    rows,
  })
  return section(
    'Sequence',
    html`<p>What this Master remembers. All processes: ${code(`firesteel trace --driver ${driverId} --tree`)}</p>
<div class="picture" tabindex="0" role="group" aria-label="${title}">${picture(sequenceSvg(messages, { title }))}</div>
<details><summary>As a table</summary>${list}</details>`,
  )
}
