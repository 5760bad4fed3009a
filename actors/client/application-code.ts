import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { packageFolderOf } from '../../runtime/code/package-folder.js'
import type { Link } from '../../runtime/transport/link.js'
import type { CodeHost } from './code-host.js'

export interface CodeSettings {
  /** Absolute path of its folder; absent: the package of the first task module. */
  readonly folder?: string | undefined
  /** False: its dependencies stay behind. */
  readonly modules: boolean
  readonly maxBytes?: number | undefined
}

/**
 * The code of an application, which Workers fetch from its driver. Nothing is read, and nothing loaded,
 * before the first of them asks: where all Workers see the driver's files, nobody does.
 */
export class ApplicationCode {
  readonly #settings: CodeSettings
  readonly #folder: Promise<string>
  #knowsFolder: (folder: string) => void = () => {}
  #hasFolder = false
  #host: Promise<CodeHost> | undefined

  constructor(settings: CodeSettings) {
    this.#settings = settings
    this.#folder = new Promise((resolve) => {
      this.#knowsFolder = resolve
    })
    if (settings.folder !== undefined) this.#is(settings.folder)
  }

  /** The program uses this task module. The first one says where the code is, if no option does. */
  uses(url: string): void {
    if (this.#hasFolder || !url.startsWith('file:')) return
    const folder = dirname(fileURLToPath(url))
    this.#hasFolder = true
    void packageFolderOf(folder).then((found) => this.#is(found ?? folder))
  }

  /** A Worker asks for it. */
  link(link: Link): void {
    this.#host ??= this.#open()
    this.#host.then(
      (host) => host.link(link),
      () => link.close('the code cannot be sent'),
    )
  }

  async #open(): Promise<CodeHost> {
    const { CodeHost } = await import('./code-host.js')
    return new CodeHost({ ...this.#settings, folder: this.#folder })
  }

  #is(folder: string): void {
    this.#hasFolder = true
    this.#knowsFolder(folder)
  }
}
