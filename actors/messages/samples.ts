import type { ApplicationDescription, DriverDescription } from './common.js'
import type { RegisterWorker } from './workers.js'

/*
 * A driver, an application and a Worker with nothing special about them: for the warm-up of a STANDBY, and
 * for tests, which spread them and say what is special.
 */

export const driverDescription: DriverDescription = {
  name: 'job',
  main: '/job.js',
  args: [],
  cwd: '/',
  cores: 1,
  memoryMib: 128,
  resources: {},
  supervise: false,
  onIsolation: 'run',
  env: {},
  nodeOptions: [],
}

export const applicationDescription: ApplicationDescription = {
  name: 'count',
  executor: { cores: 1, memoryMib: 128, resources: {} },
  user: 'me',
  cwd: '/',
  env: {},
  nodeOptions: [],
}

export const workerOffer: Omit<RegisterWorker, 'type' | 'id'> = {
  name: 'w1',
  host: '10.0.0.1',
  port: 7001,
  cores: 4,
  memoryMib: 1024,
  resources: {},
  labels: {},
  web: null,
}
