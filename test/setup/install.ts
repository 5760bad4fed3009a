import { spawnSync } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { planSetup, redisTooOld, systemNeeds } from './system-needs.js'

/*
 * Run before the tests: installs by the system's packages what is missing, as root, after printing the
 * command; else exits 2.
 */

function has(command: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, command), constants.X_OK)
      return folder !== ''
    } catch {
      return false
    }
  })
}

function giveUp(text: string): never {
  process.stderr.write(`${text}\n`)
  process.exit(2)
}

const machine = { has, isRoot: process.getuid?.() === 0 }
const plan = planSetup(systemNeeds, machine)
if (plan.kind === 'tell') giveUp(plan.text)
if (plan.kind === 'install') {
  process.stdout.write(`The tests need ${plan.names.join(' and ')}; installing:\n`)
  for (const [command = '', ...args] of plan.commands) {
    process.stdout.write(`+ ${[command, ...args].join(' ')}\n`)
    // A list of packages that is not quite fresh may still do: what counts is what is there in the end.
    spawnSync(command, args, { stdio: 'inherit', env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } })
  }
  const after = planSetup(systemNeeds, { ...machine, isRoot: false })
  if (after.kind === 'tell') giveUp(`That did not help. ${after.text}`)
}
const tooOld = redisTooOld(spawnSync('redis-server', ['--version'], { encoding: 'utf8' }).stdout ?? '')
if (tooOld !== undefined) giveUp(tooOld)
