import { basename, dirname } from 'node:path'
import type { FileOps, WritableFile } from '../../runtime/persistence/file-system/file-ops.js'

interface MemoryFile {
  readonly kind: 'file'
  data: Buffer
  /** What an fsync has made safe. */
  durable: Buffer
  modifiedMs: number
}
interface MemoryFolder {
  readonly kind: 'folder'
  entries: Map<string, MemoryFile | MemoryFolder>
  durable: Map<string, MemoryFile | MemoryFolder>
}

export function diskError(code: string): Error {
  return Object.assign(new Error(`${code}: injected`), { code })
}

/** What the disk does at an operation: `undefined` lets it be. `half`: a write takes half and then fails. */
export type Injection = (
  operation: string,
  path: string,
  count: number,
) => { code: string; half?: boolean } | undefined

/** A disk whose power can be cut: what was not synced is gone, files and folder entries alike. */
export class MemoryDisk implements FileOps {
  readonly #root: MemoryFolder
  inject: Injection = () => undefined
  /** Holds an operation up before it takes effect. */
  gate: (operation: string, path: string) => Promise<unknown> | undefined = () => undefined
  operations = 0

  constructor(root: MemoryFolder = newFolder()) {
    this.#root = root
  }

  /** The disk after a loss of power, or (`keepUnsynced`) after the mere death of the process. */
  afterCrash({ keepUnsynced }: { keepUnsynced: boolean }): MemoryDisk {
    return new MemoryDisk(survivor(this.#root, keepUnsynced))
  }

  /** The names of a folder, and bytes of a file, without counting as an operation. */
  peek(path: string): Buffer {
    return Buffer.from(this.#file(path).data)
  }

  poke(path: string, bytes: Buffer): void {
    const file = this.#file(path)
    file.data = Buffer.from(bytes)
    file.durable = file.data
  }

  names(path: string): string[] {
    return [...this.#folder(path).entries.keys()]
  }

  async list(path: string): Promise<string[]> {
    await this.gate('list', path)
    this.#operation('list', path)
    return this.names(path)
  }

  async makeFolder(path: string): Promise<void> {
    this.#operation('makeFolder', path)
    const parent = this.#folder(dirname(path))
    if (parent.entries.has(basename(path))) throw diskError('EEXIST')
    parent.entries.set(basename(path), newFolder())
  }

  async requireWritable(): Promise<void> {}

  async makeFolders(path: string): Promise<void> {
    this.#operation('makeFolders', path)
    let at = this.#root
    for (const name of path.split('/').filter(Boolean)) {
      const next = at.entries.get(name) ?? newFolder()
      if (next.kind !== 'folder') throw diskError('ENOTDIR')
      at.entries.set(name, next)
      at.durable.set(name, next)
      at = next
    }
  }

  async read(path: string): Promise<Buffer> {
    this.#operation('read', path)
    return this.peek(path)
  }

  async create(path: string): Promise<WritableFile> {
    this.#operation('create', path)
    const parent = this.#folder(dirname(path))
    const found = parent.entries.get(basename(path))
    const file: MemoryFile =
      found?.kind === 'file' ? found : { kind: 'file', data: noBytes, durable: noBytes, modifiedMs: 0 }
    file.data = noBytes
    parent.entries.set(basename(path), file)
    return {
      write: async (bytes, offset) => {
        await this.gate('write', path)
        const failure = this.#failure('write', path)
        const part = failure === undefined ? bytes : bytes.subarray(0, failure.half ? bytes.length >> 1 : 0)
        const grown = Buffer.alloc(Math.max(file.data.length, offset + part.length))
        file.data.copy(grown)
        Buffer.from(part).copy(grown, offset)
        file.data = grown
        if (failure !== undefined) throw diskError(failure.code)
      },
      sync: async () => this.#sync('sync', path, file),
      dataSync: async () => {
        await this.gate('dataSync', path)
        this.#sync('dataSync', path, file)
      },
      truncate: async (bytes) => {
        this.#operation('truncate', path)
        file.data = Buffer.from(file.data.subarray(0, bytes))
      },
      close: async () => this.#operation('close', path),
    }
  }

  async rename(from: string, to: string): Promise<void> {
    this.#operation('rename', to)
    const file = this.#file(from)
    this.#folder(dirname(from)).entries.delete(basename(from))
    this.#folder(dirname(to)).entries.set(basename(to), file)
  }

  async remove(path: string): Promise<void> {
    this.#operation('remove', path)
    this.#folder(dirname(path)).entries.delete(basename(path))
  }

  async syncFolder(path: string): Promise<void> {
    this.#operation('syncFolder', path)
    const folder = this.#folder(path)
    folder.durable = new Map(folder.entries)
  }

  async renew(path: string, timeMs: number): Promise<void> {
    this.#operation('renew', path)
    const { entries } = this.#folder(dirname(path))
    if (!entries.has(basename(path))) {
      entries.set(basename(path), { kind: 'file', data: noBytes, durable: noBytes, modifiedMs: 0 })
    }
    this.#file(path).modifiedMs = timeMs
  }

  async modifiedMs(path: string): Promise<number> {
    this.#operation('modifiedMs', path)
    return this.#file(path).modifiedMs
  }

  async sizeBytes(path: string): Promise<number> {
    this.#operation('sizeBytes', path)
    return this.#file(path).data.length
  }

  #sync(operation: string, path: string, file: MemoryFile): void {
    this.#operation(operation, path)
    file.durable = file.data
  }

  #operation(operation: string, path: string): void {
    const failure = this.#failure(operation, path)
    if (failure !== undefined) throw diskError(failure.code)
  }

  #failure(operation: string, path: string) {
    this.operations += 1
    return this.inject(operation, path, this.operations)
  }

  #find(path: string): MemoryFile | MemoryFolder {
    let at: MemoryFile | MemoryFolder = this.#root
    for (const name of path.split('/').filter(Boolean)) {
      const next: MemoryFile | MemoryFolder | undefined =
        at.kind === 'folder' ? at.entries.get(name) : undefined
      if (next === undefined) throw diskError('ENOENT')
      at = next
    }
    return at
  }

  #folder(path: string): MemoryFolder {
    const found = this.#find(path)
    if (found.kind !== 'folder') throw diskError('ENOTDIR')
    return found
  }

  #file(path: string): MemoryFile {
    const found = this.#find(path)
    if (found.kind !== 'file') throw diskError('EISDIR')
    return found
  }
}

const noBytes = Buffer.alloc(0)

function newFolder(): MemoryFolder {
  return { kind: 'folder', entries: new Map(), durable: new Map() }
}

function survivor(folder: MemoryFolder, keepUnsynced: boolean): MemoryFolder {
  const left = newFolder()
  for (const [name, node] of keepUnsynced ? folder.entries : folder.durable) {
    if (node.kind === 'folder') left.entries.set(name, survivor(node, keepUnsynced))
    else {
      const data = Buffer.from(keepUnsynced ? node.data : node.durable)
      left.entries.set(name, { kind: 'file', data, durable: data, modifiedMs: node.modifiedMs })
    }
  }
  left.durable = new Map(left.entries)
  return left
}
