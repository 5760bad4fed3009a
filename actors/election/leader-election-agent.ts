import type { Behavior } from '../../runtime/system/actor-system.js'
import { type Cause, causeOf } from '../../runtime/system/envelope.js'
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
    /** What led to the election, for traces: store and lock are asked in between, so it is not in hand. */
    let campaign: Cause | undefined
    const agent = make((message) => {
      const isElection = message.type === 'ElectedLeader'
      context.tell(master, message, isElection ? campaign : undefined)
    })
    created(agent)
    return {
      receive: (message, envelope) => {
        if (beginsCampaign(message)) campaign = causeOf(envelope)
        agent.receive(message)
      },
      stopped: () => agent.close(),
    }
  }
}

/** These let an election begin early. Without one it comes when the lease has run out, and begins a trace. */
const beginsCampaign = ({ type }: AgentMessage): boolean =>
  type === 'MasterLinkClosed' || type === 'TakeOver' || type === 'HoldOff'
