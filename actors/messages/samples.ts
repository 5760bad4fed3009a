import type { ApplicationDescription, DriverDescription } from './common.js'

/* A driver and an application with nothing special about them: for the warm-up of a STANDBY, and for tests. */

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
