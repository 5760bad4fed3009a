import type { DriverDescription, Healthcheck } from '../../../actors/messages/common.js'

/** As commands and deployment files have them. Times in milliseconds. */
export interface SaidLimits {
  readonly timeout?: number | undefined
  readonly stopSignal?: DriverDescription['stopSignal']
  readonly stopGrace?: number | undefined
  readonly readiness?: DriverDescription['readiness']
  readonly healthcheck?: SaidHealthcheck | undefined
}

type SaidHealthcheck = Omit<Healthcheck, 'everyMs'> & { readonly every?: number | undefined }

const healthcheckOf = ({ every, ...health }: SaidHealthcheck): Healthcheck => ({
  ...health,
  ...(every !== undefined && { everyMs: every }),
})

/** Only what is said: a driver without these has the key that it had before they were. */
export function driverLimits({ timeout, stopSignal, stopGrace, readiness, healthcheck }: SaidLimits) {
  return {
    ...(timeout !== undefined && { timeoutMs: timeout }),
    ...(stopSignal !== undefined && { stopSignal }),
    ...(stopGrace !== undefined && { stopGraceMs: stopGrace }),
    ...(readiness && { readiness }),
    ...(healthcheck && { healthcheck: healthcheckOf(healthcheck) }),
  }
}
