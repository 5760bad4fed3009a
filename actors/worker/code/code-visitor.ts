import { join } from 'node:path'
import type { CodeCache } from '../../../runtime/code/code-cache.js'
import { CodeChannel } from '../../../runtime/code/code-channel.js'
import type { CodeMaker, OpenSource } from '../../../runtime/code/code-maker.js'
import { type CodeMessage, toldOf } from '../../../runtime/code/code-messages.js'
import { CodeReceiver } from '../../../runtime/code/code-receiver.js'
import { CodeSender, type SendableCode } from '../../../runtime/code/code-sender.js'
import { codeTurns } from '../../../runtime/code/code-turns.js'
import { heldManifestsOf } from '../../../runtime/code/held-manifests.js'
import type { ManifestBudget } from '../../../runtime/code/manifest-budget.js'
import type { LentManifest } from '../../../runtime/code/shared-manifests.js'
import { FiresteelError } from '../../../runtime/errors.js'
import { innerLimits } from '../../../runtime/inner-limits.js'
import { isNodeRole } from '../../../runtime/transport/identity.js'
import type { Link } from '../../../runtime/transport/link.js'
import { mayAs, roleOf } from '../../../runtime/transport/token.js'

export interface CodeVisitorParts {
  readonly cache: CodeCache
  readonly maker: CodeMaker
  readonly isHeld: (id: string) => boolean
  readonly onGone: () => void
  /** Code has come or gone. */
  readonly onChange: () => void
  /** For tests: in place of the budget of this process for the role of the peer. */
  readonly held?: ManifestBudget
}

/** What looks at all that is here, or changes it. */
const changing: ReadonlySet<CodeMessage['type']> = new Set(['offer', 'list', 'remove'])

/**
 * A peer that dialled this Worker for code: another Worker that lacks some, a submitter that brings some, or
 * a tool that lists or removes some.
 */
export class CodeVisitor {
  readonly #parts: CodeVisitorParts
  readonly #peer: Link['peer']
  readonly #channel: CodeChannel
  readonly #sender: CodeSender
  readonly #receiver: CodeReceiver
  readonly #gone = new AbortController()
  /** What it asked for and was not answered: one of each kind. */
  readonly #open = new Set<CodeMessage['type']>()
  #lent: LentManifest | undefined

  constructor(link: Link, parts: CodeVisitorParts) {
    this.#parts = parts
    this.#peer = link.peer
    this.#channel = new CodeChannel(link, {
      message: (message) => this.#receive(message),
      piece: (piece) => this.#receiver.piece(piece),
      closed: (reason) => this.#closed(reason),
    })
    this.#sender = new CodeSender(this.#channel, (id) => this.#codeOf(id))
    this.#receiver = new CodeReceiver(this.#channel, { held: parts.held ?? heldManifestsOf(link.peer.role) })
  }

  close(reason: string): void {
    this.#channel.close(reason)
  }

  #receive(message: CodeMessage): void {
    if (!this.#may(message.type)) {
      this.close('its token does not allow that')
      return
    }
    switch (message.type) {
      case 'offer':
        this.#one(message.type, () => this.#take(message))
        return
      case 'list':
        this.#one(message.type, () => this.#list(message.from))
        return
      case 'remove':
        this.#one(message.type, () => this.#remove(message.id))
        return
      case 'held':
        return
      default:
        if (this.#receiver.receive(message) || this.#sender.receive(message)) return
        throw new FiresteelError('FRAME_INVALID', `${message.type} is not for a Worker.`)
    }
  }

  /** To look through all codes takes a part of a turn, so a peer has one such work at a time. */
  #one(type: CodeMessage['type'], work: () => Promise<void>): void {
    if (this.#open.has(type))
      throw new FiresteelError('FRAME_INVALID', `A ${type} comes before the one ahead of it was answered.`)
    this.#open.add(type)
    void codeTurns.next().then(async () => {
      if (!this.#gone.signal.aborted) await work()
      this.#open.delete(type)
    })
  }

  /**
   * With a token one may look, bring code where it may submit, and remove code where it may operate. A Worker
   * with a token may fetch.
   */
  #may(type: CodeMessage['type']): boolean {
    if (this.#peer.role === 'node') return true
    if (this.#peer.role === 'worker') return !changing.has(type)
    const needed = type === 'list' ? 'observe' : type === 'remove' ? 'operate' : 'submit'
    return mayAs(roleOf(this.#peer.subject), needed)
  }

  #closed(reason: string): void {
    this.#sender.close()
    this.#receiver.fail(new FiresteelError('LINK_CLOSED', `the link for the code ended: ${reason}`))
    this.#gone.abort()
    this.#lent?.giveBack()
    this.#parts.onGone()
  }

  async #codeOf(id: string | undefined): Promise<SendableCode> {
    const { cache } = this.#parts
    // A client may bring code, and need not read that of others.
    if (!isNodeRole(this.#peer.role)) throw new FiresteelError('NOT_ALLOWED', 'Only nodes are given code.')
    if (id === undefined || !(await cache.has(id)))
      throw new FiresteelError('CODE_MISSING', 'This Worker does not have it.')
    if (this.#gone.signal.aborted) throw new FiresteelError('LINK_CLOSED', 'The link has ended.')
    // A sink that asks again mostly wants the same.
    const before = this.#lent
    this.#lent = cache.lend(id, (detail) => this.#lendNoMore(detail))
    before?.giveBack()
    const manifest = await this.#lent.manifest
    const folder = cache.filesOf(id)
    return { manifest, sourceOf: (place) => join(folder, manifest.files[place]?.path ?? '') }
  }

  /** The bytes of the manifest that it uses are needed for others. */
  #lendNoMore(detail: string): void {
    const error = new FiresteelError('BUSY', `The code is not given now: ${detail}.`)
    this.#channel.refuse({ type: 'gone', ...toldOf(error) }, detail)
  }

  /** The code that a peer offers. It is asked for what is not here. */
  async #take({ id, root }: Extract<CodeMessage, { type: 'offer' }>): Promise<void> {
    const { maker, onChange } = this.#parts
    const open: OpenSource = { receiver: this.#receiver, done: () => {} }
    const source = { name: this.#peer.address, open: async () => open }
    try {
      await maker.make({ id, root, sources: [source], signal: this.#gone.signal })
      // The leader hears of it before the peer does, as far as we can tell.
      onChange()
      this.#channel.tell({ type: 'held', id })
    } catch (error) {
      this.#channel.tell({ type: 'failed', ...toldOf(error) })
    } finally {
      this.#receiver.release()
    }
  }

  async #list(from: string): Promise<void> {
    const { cache, isHeld } = this.#parts
    await cache.open().catch(() => undefined)
    const rows = cache
      .rows(isHeld)
      .filter(({ id }) => id > from)
      .sort((a, b) => (a.id < b.id ? -1 : 1))
    const page = rows.slice(0, innerLimits.codeRows)
    this.#channel.tell({ type: 'rows', rows: page, more: page.length < rows.length })
  }

  async #remove(id: string): Promise<void> {
    const { cache, isHeld, onChange } = this.#parts
    await cache.open().catch(() => undefined)
    const held = isHeld(id)
    const done = !held && (await cache.remove(id))
    if (done) onChange()
    const reason = done ? '' : held ? 'work uses it' : 'it is not here'
    this.#channel.tell({ type: 'removed', id, done, reason })
  }
}
