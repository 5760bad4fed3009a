import { IncarnationKey } from '../../runtime/transport/incarnation-key.js'

/* Makes and uses as many keys as it is told, so that garbage is collected at every place of that. */

const transcript = Buffer.alloc(32, 1)
for (let left = Number(process.argv[2]); left > 0; left--) new IncarnationKey('client').prove(transcript)
console.log('done')
