import { HostNetwork } from '../harness/host-network.js'

/* Starts a network and ends as it is told to. */

const network = await HostNetwork.start(['a'])
process.stdout.write(`${network.prefix('a').at(-1)}\n`)
process.stdin.resume()
