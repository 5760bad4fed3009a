import { limits } from '../limits.js'
import { isNodeRole, type Role } from '../transport/identity.js'
import { ManifestBudget } from './manifest-budget.js'

const ofNodes = new ManifestBudget(limits.codeManifestsBytes)
const ofOthers = new ManifestBudget(limits.codeManifestsBytes)

/** The budget of this process for manifests that peers of this role bring. */
export const heldManifestsOf = (role: Role): ManifestBudget => (isNodeRole(role) ? ofNodes : ofOthers)
