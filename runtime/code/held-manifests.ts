import { limits } from '../limits.js'
import { HeldBytes } from '../transport/held-bytes.js'
import { isNodeRole, type Role } from '../transport/identity.js'

const WHAT = 'manifests that peers bring'
const ofNodes = new HeldBytes(limits.codeManifestsBytes, WHAT)
const ofOthers = new HeldBytes(limits.codeManifestsBytes, WHAT)

/** The budget of this process for manifests that peers of this role bring. */
export const heldManifestsOf = (role: Role): HeldBytes => (isNodeRole(role) ? ofNodes : ofOthers)
