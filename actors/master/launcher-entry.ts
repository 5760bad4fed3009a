import { LAUNCHER_SUBJECT, type Role } from '../../runtime/transport/identity.js'
import type { LauncherOrderState, RegisterLauncher } from '../messages/launchers.js'

export type OrderStanding = Omit<LauncherOrderState, 'type' | 'launcher'>

export interface LauncherEntry extends Omit<RegisterLauncher, 'type'> {
  /** Pages go on after it. It rises in the order of this leader's map. */
  readonly number: number
  /** Of what it says of itself, as JSON. */
  readonly bytes: number
  /** The newest orders, oldest first. */
  readonly orders: readonly OrderStanding[]
}

/** Is the other end of this link the launcher of a machine? */
export const isLauncher = ({
  role,
  subject,
}: {
  readonly role: Role
  readonly subject?: string | undefined
}): boolean => role === 'node' && subject === LAUNCHER_SUBJECT
