import { connect } from '../../../actors/client/connect.js'

/* The driver of an application whose executors are idle. Its executor listener is measured. */

const [master, secret, port, probe] = process.argv.slice(2) as [string, string, string, string]
const app = await connect(master, {
  secret,
  executors: 1,
  executor: { nodeOptions: JSON.parse(probe) as string[] },
  listen: { host: '127.0.0.1', port: Number(port) },
})
process.send?.({ appId: app.id })
process.once('disconnect', () => process.exit(0))
