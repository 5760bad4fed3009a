import { actorName, placeOf } from './actor-path.js'
import type { TracedMessage } from './merged-trace.js'

/** Writes a merged trace as a Mermaid sequence diagram. A participant is declared where it first sends. */
export class Mermaid {
  readonly #participants = new Map<string, string>()
  #begun = false

  write(mergedTrace: readonly TracedMessage[]): string {
    const lines = this.#begun ? [] : ['sequenceDiagram']
    this.#begun = true
    for (const message of mergedTrace) {
      const from = this.#participant(message.from, lines)
      const to = this.#participant(message.to, lines)
      // A cross at its end: it arrived, and its receiver did not act on it.
      lines.push(`    ${from}${message.refused ? '-x' : '->>'}${to}: ${labelOf(message)}`)
    }
    return lines.map((line) => `${line}\n`).join('')
  }

  #participant(path: string, lines: string[]): string {
    const known = this.#participants.get(path)
    if (known !== undefined) return known
    const alias = `p${this.#participants.size + 1}`
    this.#participants.set(path, alias)
    lines.push(`    participant ${alias} as ${escaped(`${actorName(path)} ${placeOf(path)}`.trim())}`)
    return alias
  }
}

/** A remark that no drawing shows. */
export const mermaidComment = (text: string): string => `%% ${text.replace(/[\r\n{}]+/g, ' ')}\n`

function labelOf({ message, epoch }: TracedMessage): string {
  return epoch > 0 ? `${escaped(message)} (epoch ${epoch})` : escaped(message)
}

/** Mermaid ends a statement at `;` and reads `#` as the start of an entity; a bare `end` closes a block. */
function escaped(text: string): string {
  return text
    .replace(/[^\p{L}\p{N} _.:@/[\]()-]/gu, (character) => `#${character.codePointAt(0)};`)
    .replace(/\bend\b/gi, (word) => `#${word.codePointAt(0)};${word.slice(1)}`)
}
