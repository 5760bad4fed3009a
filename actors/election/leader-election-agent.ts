import type { Behavior } from '../../runtime/system/actor-system.js'
import type { Ref } from '../../runtime/system/ref.js'
import type { AgentMessage, ElectionMessage } from '../messages/election.js'
import type { ElectionAgent } from './election-agent.js'

/**
 * The LeaderElectionAgent as an actor. `make` makes its logic; `created` gets it before any message arrives.
 */
export function leaderElectionAgent(
  master: Ref<ElectionMessage>,
  make: (tellMaster: (message: ElectionMessage) => void) => ElectionAgent,
  created: (agent: ElectionAgent) => void,
): Behavior<AgentMessage> {
  return (context) => {
    const agent = make((message) => void context.tell(master, message))
    created(agent)
    return {
      receive: (message) => agent.receive(message),
      stopped: () => agent.close(),
    }
  }
}
