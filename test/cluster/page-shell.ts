import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

/*
 * A shell with processes and a network of its own: fixed ports are free there, and its end ends all that it
 * has started.
 */

const OWN_SPACES = ['--net', '--pid', '--fork', '--mount-proc', '--kill-child']

/** What a reader replaces by what was printed before. */
const placeholders = `
trap 'failed=1' ERR
set -o pipefail
# The real one takes longer to start than most commands take; the test of the package calls it.
npx() { "./node_modules/.bin/$1" "\${@:2}"; }
DRIVER_ID() { npx firesteel status --json | node -p 'JSON.parse(fs.readFileSync(0)).drivers[0].id'; }
PID_OF_THE_LEADER() {
  local leader
  leader=$(sed -n 's/.*elected leader.*"node":"\\([^"]*\\)".*/\\1/p' .firesteel/up.log | tail -1)
  sed -n "s/^$leader: master started, process //p" .firesteel/up.log | tail -1
}
ip link set lo up
for host in 1 2 3; do ip addr add "10.0.0.$host/32" dev lo; done
`

export interface ShellResult {
  readonly failed: boolean
  readonly output: string
  readonly errors: string
}

export class PageShell {
  /** Why this machine cannot have one; undefined if it can. */
  static refused(): string | undefined {
    try {
      execFileSync('unshare', [...OWN_SPACES, 'ip', 'link', 'set', 'lo', 'up'], { stdio: 'pipe' })
      execFileSync('redis-server', ['--version'], { stdio: 'pipe' })
      return undefined
    } catch (error) {
      return `needs root on Linux, unshare, iproute2 and redis-server: ${(error as Error).message.split('\n')[0]}`
    }
  }

  readonly #folder: string
  readonly #shell: ChildProcessWithoutNullStreams
  readonly #answers: AsyncIterator<string>
  #count = 0

  /** `folder` is where its commands run. */
  constructor(folder: string) {
    this.#folder = folder
    const env = {
      ...process.env,
      npm_config_update_notifier: 'false',
      FIRESTEEL_SECRET: undefined,
      NODE_TEST_CONTEXT: undefined,
    }
    this.#shell = spawn('unshare', [...OWN_SPACES, 'bash', '--norc'], { cwd: folder, env })
    this.#answers = createInterface({ input: this.#shell.stdout })[Symbol.asyncIterator]()
    this.#shell.stdin.write(placeholders)
  }

  /** Runs commands as one would type them: variables and jobs stay for the next call. */
  async run(text: string): Promise<ShellResult> {
    const path = join(this.#folder, '..', `block-${this.#count++}`)
    const commands = text.replaceAll(/\b(DRIVER_ID|PID_OF_THE_LEADER)\b/g, '"$($1)"')
    await writeFile(`${path}.sh`, commands)
    this.#shell.stdin.write(
      `failed=0; source ${path}.sh >${path}.out 2>${path}.err </dev/null; echo "ended $failed"\n`,
    )
    const { value: answer, done } = await this.#answers.next()
    const [output, errors] = await Promise.all(
      ['out', 'err'].map((ending) => readFile(`${path}.${ending}`, 'utf8')),
    )
    return { failed: done === true || answer !== 'ended 0', output: output ?? '', errors: errors ?? '' }
  }

  async end(): Promise<void> {
    const ended = new Promise((resolve) => this.#shell.once('exit', resolve))
    this.#shell.stdin.end()
    this.#shell.kill('SIGTERM')
    await ended
  }
}
