import { readFileSync } from 'node:fs'
import { parse } from 'yaml'
import type { Deployment } from '../../runtime/launch/config/deployment.js'
import { formatProblem } from '../../runtime/launch/config/problem.js'
import { readConfig } from '../../runtime/launch/config/read.js'

/* What config/docker and config/systemd hold, as data. */

export interface ComposeService {
  readonly image: string
  readonly hostname?: string
  readonly command: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  readonly secrets?: readonly string[]
  readonly volumes?: readonly string[]
  readonly ports?: readonly string[]
  readonly mem_limit?: string
  readonly stop_grace_period?: string
  readonly healthcheck: { readonly test: readonly string[] }
}

export interface ComposeFile {
  readonly services: Readonly<Record<string, ComposeService>>
  readonly secrets: Readonly<Record<string, { readonly environment: string }>>
  readonly volumes: Readonly<Record<string, unknown>>
}

export const composePath = 'config/docker/compose.yaml'

export function readCompose(): ComposeFile {
  return parse(readFileSync(composePath, 'utf8'), { merge: true }) as ComposeFile
}

/** The services that run our container image. */
export function nodesOf({ services }: ComposeFile): readonly (readonly [string, ComposeService])[] {
  return Object.entries(services).filter(([, { image }]) => image.startsWith('firesteel:'))
}

/** A deployment file that is shipped; throws with its problems. */
export function shippedDeployment(path: string): Deployment {
  const { config, problems } = readConfig(readFileSync(path, 'utf8'), {
    file: path,
    folder: '/etc/firesteel',
    environment: {},
  })
  if (!config) throw new Error(problems.map(formatProblem).join('\n'))
  return config
}
