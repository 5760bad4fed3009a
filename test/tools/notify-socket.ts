import { join } from 'node:path'
import { type Child, startChild } from '../../runtime/process/child.js'
import { waitUntil } from '../harness/wait-until.js'

/* A supervisor's datagram socket of the file system. Node has none, so Perl receives. */

const RECEIVE = `
use Socket; $| = 1;
socket(S, PF_UNIX, SOCK_DGRAM, 0) or die $!;
bind(S, sockaddr_un($ARGV[0])) or die $!;
print "open\\n";
while (defined recv(S, $m, 65536, 0)) { $m =~ s/\\n+$//; $m =~ s/\\n/ | /g; print "$m\\n" }
`

export class NotifySocket {
  readonly path: string
  /** Each datagram, its lines joined by ' | '. */
  readonly messages: string[] = []
  readonly #child: Child

  private constructor(path: string, child: Child) {
    this.path = path
    this.#child = child
    let rest = ''
    child.stdout?.on('data', (chunk: Buffer) => {
      const lines = (rest + chunk).split('\n')
      rest = lines.pop() ?? ''
      // With this one `systemd-notify` waits until those before it were read.
      this.messages.push(...lines.filter((line) => line !== 'BARRIER=1'))
    })
  }

  static async open(folder: string): Promise<NotifySocket> {
    const path = join(folder, 'notify')
    const child = await startChild({
      command: 'perl',
      args: ['-e', RECEIVE, path],
      cwd: folder,
      env: { PATH: process.env.PATH ?? '' },
      stdout: 'pipe',
      stderr: 'inherit',
      ownGroup: true,
    })
    const socket = new NotifySocket(path, child)
    await waitUntil('the socket of the supervisor', () => socket.messages.shift() === 'open')
    return socket
  }

  async close(): Promise<void> {
    await this.#child.stop({ graceMs: 0 })
  }
}
