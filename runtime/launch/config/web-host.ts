/** Where a node listens, and how others dial it. */
export interface WebHostParts {
  readonly host: string
  readonly web: number | false
  readonly webHost?: string
  readonly advertise: string
}

/** An address that stands for all of a machine: nobody dials it. */
export const isWildcard = (host: string): boolean => host === '0.0.0.0' || host === '::'

/** The host in the addresses of its pages. HTTP has one of its own only where it listens apart. */
export const dialedWebHost = ({ host, webHost = host, advertise }: WebHostParts): string =>
  webHost === host || isWildcard(webHost) ? advertise : webHost

/** Hosts by which others dial it, which its certificate must have. */
export const dialedHosts = (node: WebHostParts): string[] => {
  const hosts = node.web === false ? [node.advertise] : [node.advertise, dialedWebHost(node)]
  return [...new Set(hosts)].filter((host) => !isWildcard(host))
}
