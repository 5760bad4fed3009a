import { innerLimits } from '../../runtime/inner-limits.js'
import { limits } from '../../runtime/limits.js'
import * as z from '../../runtime/zod.js'
import { count, driverDescription, name, positive, shownDriverStates, text, wallTime } from './common.js'

/*
 * Deployments: what `firesteel apply` has made of the cluster (protocol 15). The leader keeps the newest
 * ones with their files, and lets one apply at a time change something. Whoever applies is known by its link.
 */

/**
 * APPLYING: its apply is at work, or was cut off and nobody has taken it up again. INTERRUPTED: another one
 * has begun instead.
 */
export const deploymentStates = ['APPLYING', 'APPLIED', 'FAILED', 'INTERRUPTED'] as const

const fileText = z.string().max(limits.deploymentChars)
/** As people read it: no values, which may be secret. */
const changes = z.array(z.string().max(innerLimits.deploymentChangeChars)).max(innerLimits.deploymentChanges)

/** A file as it was written: a variable of the environment in it is a name and not its value. */
const deployedFile = z.object({
  file: text,
  /** At which its relative paths begin. */
  folder: text,
  text: fileText,
})

export const deploymentHead = z.object({
  number: positive,
  state: z.enum(deploymentStates),
  startedAtMs: wallTime,
  endedAtMs: wallTime.optional(),
  /** By its own word. */
  by: name,
  file: text,
  changes,
  /** Its file is that of an earlier one. */
  back: positive.optional(),
  /** Why it FAILED. */
  message: text.optional(),
})
export type DeploymentHead = z.infer<typeof deploymentHead>

/** Any holder of the client's key -> Master. */
export const requestDeployment = z.object({
  type: z.literal('RequestDeployment'),
  /** Absent: the newest. */
  number: positive.optional(),
  /** Whose drivers are asked for, whether they have ended or not. */
  keys: z.array(name).max(limits.deploymentSubmissions).optional(),
})
export type RequestDeployment = z.infer<typeof requestDeployment>

export const deployedDriver = z.object({
  /** That of the submission in the file. */
  name,
  /** Of the content that it has, or will have. */
  key: name,
  driverId: name,
  /** Of one that has ended: KILLED if somebody asked for its end, however its program then ended. */
  state: z.enum(shownDriverStates),
  /** Its former content has not ended yet. */
  isBeingReplaced: z.literal(true).optional(),
})
export type DeployedDriver = z.infer<typeof deployedDriver>

export const deploymentResponse = z.object({
  type: z.literal('DeploymentResponse'),
  /** The number of the newest one; 0: nothing has been applied. */
  newest: count,
  /** Absent: there is none with this number. */
  deployment: deploymentHead.extend({ folder: text, text: fileText }).optional(),
  /** Drivers of deployment files that have not ended. */
  submissions: z.array(deployedDriver).max(limits.deploymentSubmissions),
  /** Those of the keys that were asked for and have ended. */
  ended: z.array(deployedDriver).max(limits.deploymentSubmissions),
})
export type DeploymentResponse = z.infer<typeof deploymentResponse>

export const requestHistory = z.object({ type: z.literal('RequestHistory') })
export type RequestHistory = z.infer<typeof requestHistory>

export const historyResponse = z.object({
  type: z.literal('HistoryResponse'),
  /** Oldest first. */
  deployments: z.array(deploymentHead).max(limits.deploymentsKept),
})
export type HistoryResponse = z.infer<typeof historyResponse>

/** Any holder of the client's key -> Master. Its sender applies this file from now on. */
export const beginDeployment = z.object({
  type: z.literal('BeginDeployment'),
  ...deployedFile.shape,
  by: name,
  changes,
  back: positive.optional(),
  /** The newest deployment when the changes were found: another one since then changes them. */
  after: count,
  /** What ran before the first deployment, to go back to. */
  former: deployedFile.optional(),
})
export type BeginDeployment = z.infer<typeof beginDeployment>

/** It is durable. One that was cut off goes on under its number. */
export const deploymentBegun = z.object({ type: z.literal('DeploymentBegun'), number: positive })
export type DeploymentBegun = z.infer<typeof deploymentBegun>

export const endDeployment = z.object({
  type: z.literal('EndDeployment'),
  number: positive,
  state: z.enum(['APPLIED', 'FAILED']),
  message: text.optional(),
})
export type EndDeployment = z.infer<typeof endDeployment>

export const deploymentEnded = z.object({
  type: z.literal('DeploymentEnded'),
  number: positive,
  state: z.enum(deploymentStates),
})
export type DeploymentEnded = z.infer<typeof deploymentEnded>

/**
 * Any holder of the client's key -> Master: a submission of the file is to be this one; without a description
 * it ends. It may be sent again and again, and the answer says how far it is.
 */
export const deploySubmission = z.object({
  type: z.literal('DeploySubmission'),
  deployment: positive,
  name,
  to: z.object({ key: name, description: driverDescription }).optional(),
})
export type DeploySubmission = z.infer<typeof deploySubmission>

export const submissionDeployed = z.object({
  type: z.literal('SubmissionDeployed'),
  name,
  /** Absent: there is none, and none is wanted. */
  driver: deployedDriver.optional(),
  /** False: the former content, or the driver that is to end, still runs. */
  isDone: z.boolean(),
})
export type SubmissionDeployed = z.infer<typeof submissionDeployed>
