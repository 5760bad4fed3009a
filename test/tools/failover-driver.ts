import { appendFileSync } from 'node:fs'

/* A supervised driver of the failover tests: says which process of which generation it is, and stays. */
const [file] = process.argv.slice(2)
appendFileSync(file!, `${process.env.FIRESTEEL_GENERATION} ${process.pid}\n`)
setInterval(() => {}, 1000)
