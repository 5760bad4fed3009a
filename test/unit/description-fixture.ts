import type { ApplicationDescription, DriverDescription } from '../../actors/messages/common.js'

/* A driver and an application with nothing special about them. */

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
