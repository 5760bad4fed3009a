import type { Mutation } from './mutations.js'
import type { Fault } from './rates.js'

/* Mistakes in how a Worker restarts because somebody asked for it (protocol 8.6). */

const atMaster = 'actors/master/worker-restart.js'
const atWorker = 'actors/worker/restart-count.js'
const faults: readonly Fault[] = ['askRestart', 'askRestartUnheard', 'killLeader', 'breakLinks']

export const restartMutations: readonly Mutation[] = [
  {
    name: 'a leader does not see that a Worker has restarted as it was asked',
    file: atMaster,
    find: 'else if (hasRestarted(message, restarts))',
    replace: 'else if (false)',
    faults,
  },
  {
    name: 'a Worker that did not hear that it is to restart is not told again',
    file: atMaster,
    find: "step.tell(worker.id, { type: 'RestartWorker'",
    replace: "if (asked?.request !== message.request) step.tell(worker.id, { type: 'RestartWorker'",
    faults,
  },
  {
    name: 'the next process of a Worker does not say for whom it has restarted',
    file: atWorker,
    find: 'const request = this.#isAsked ? this.#request : undefined;',
    replace: 'const request = undefined;',
    script: 'a Worker is asked to restart, and the leader that told it dies',
  },
  {
    name: 'a Worker that is being stopped restarts where it is asked to',
    file: 'actors/worker/worker-core.js',
    find: 'if (this.#drain.isAsked && !this.#reports.isHandingOver)',
    replace: 'if (false)',
    faults: ['askRestart', 'askRestartUnheard', 'drainToStop'],
  },
  {
    name: 'a Worker leaves its work though no leader knows that it restarts',
    file: 'actors/worker/leader-reports.js',
    find: 'this.#parts.restarts.announced(now);',
    replace:
      "this.#parts.restarts.announced(now); if (!this.isReported) this.#parts.emit({ kind: 'restartNoted' });",
    faults: ['restartWorker', 'breakLinks', 'killLeader', 'storeDown'],
    seeds: 300,
  },
  {
    name: 'a restart that began before it was asked for counts as the one that was asked for',
    file: 'runtime/launch/cli/restart-worker.js',
    find: "if (now.state === 'ASKED')",
    replace: 'if (true)',
    test: 'restart-asked',
  },
  {
    name: 'a leader goes on waiting for a Worker that does not restart after all',
    file: 'actors/master/workers.js',
    find: 'if (worker.isRestarting) {',
    replace: 'if (false) {',
    test: 'master-worker-restart',
  },
  {
    name: 'a Worker begins to restart as often as it is told',
    file: atWorker,
    find: 'if (this.#request === request || this.#isAsked)',
    replace: 'if (false)',
    faults,
  },
]
