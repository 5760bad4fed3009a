import { errorCauses } from '../../error-causes.js'
import { type ErrorName, errorCodes } from '../../errors.js'
import { deploymentJsonSchema, type SchemaNode } from '../config/issues.js'
import { cell, generated } from './markdown.js'

/* Generated pages, so that they cannot differ from the code. Pure: returns text. */

/** `list of text`, `number, 0 to 65535`: what a reader may write. */
export function typeText(node: SchemaNode): string {
  if (node.enum) return node.enum.map((value) => `\`${value}\``).join(', ')
  if (node.type === 'array')
    return node.items?.type === 'object' ? 'list' : `list of ${typeText(node.items ?? {})}`
  if (node.type === 'object') {
    const { additionalProperties: others } = node
    return typeof others === 'object' ? `names to ${typeText(others)}` : 'keys below'
  }
  if (node.type === 'integer') return `whole number${rangeText(node)}`
  if (node.type === 'boolean') return '`true` or `false`'
  return node['x-example'] === undefined ? 'text' : `text such as \`${node['x-example']}\``
}

function rangeText({ minimum, maximum }: SchemaNode): string {
  const low = minimum === undefined ? '' : ` from ${minimum}`
  const high = maximum === undefined || maximum >= Number.MAX_SAFE_INTEGER ? '' : ` to ${maximum}`
  return low + high
}

interface Section {
  readonly path: string
  readonly node: SchemaNode
}

/** Every object with keys of its own, outermost first. */
function sections(node: SchemaNode, path: string): Section[] {
  const own = node.properties ? [{ path, node }] : []
  const inner = Object.entries(node.properties ?? {}).flatMap(([key, child]) => {
    const at = path === '' ? key : `${path}.${key}`
    return child.type === 'array' && child.items ? sections(child.items, `${at}[]`) : sections(child, at)
  })
  return [...own, ...inner]
}

function sectionText({ path, node }: Section): string {
  const required = new Set(node.required)
  const rows = Object.entries(node.properties ?? {}).map(([key, child]) => {
    const must = required.has(key) ? ' Required.' : ''
    return `| \`${key}\` | ${cell(typeText(child))} | ${cell(child.description ?? '')}${must} |`
  })
  const title = path === '' ? '## The file' : `## \`${path}\``
  return [title, '', '| key | value | meaning |', '| --- | --- | --- |', ...rows].join('\n')
}

const configurationIntro = `# The deployment file

One YAML file says what a cluster consists of. \`firesteel up FILE\` runs the nodes whose \`host\` is an address of this
machine; \`firesteel check FILE\` lists every error with file, line, column, rule and the nearest valid spelling;
\`firesteel check --schema\` prints the JSON Schema for editors. Examples stand in \`config/\`.

Only \`masters\` or \`workers\` is required. Durations are \`250ms\`, \`2.5s\`, \`1m\`, \`1h\`; memory is \`512m\`, \`4g\`
(MiB, GiB). \`\${NAME}\` and \`\${NAME:-default}\` in any value come from the environment; between braces or brackets of
YAML put them in quotes. \`$\${NAME}\` gives the text \`\${NAME}\` itself. Relative paths start at the folder of the file.
Unknown keys are errors.

With REDIS, \`redis\` and each of \`election\` are \`redis://[[USER]:PASSWORD@]HOST[:PORT][/DB]\`, or \`rediss://\` with TLS,
where \`?ca=FILE&cert=FILE&key=FILE&servername=NAME\` may follow. Write a password as \`\${NAME}\`: a literal one works, but
files get copied. No command prints it.

This release does not have \`rest\`: it is valid in a file, but a node that has it does not start (FIRESTEEL_NOT_IN_RELEASE).

With \`tracing.otlp\` a node sends spans to a collector. It needs packages that Firesteel does not bring: [telemetry.md](telemetry.md).`

const rules = `## Rules between keys

- NONE and FILESYSTEM allow one Master; several need REDIS or CUSTOM. Several must be able to reach each other: none
  listens on all addresses without \`advertise\`, and none on loopback where others do not.
- REDIS needs one of \`recovery.redis\` and \`recovery.sentinel\`, CUSTOM needs \`recovery.module\`.
- \`recovery.election\` names an odd number of different servers; \`redis\`, \`sentinel\`, \`election\` and \`replicas\` are for
  REDIS, \`directory\` for FILESYSTEM and CUSTOM, \`module\` for CUSTOM.
- \`recovery.lease\` is at least 1s, \`scheduling.workerTimeout\` at least four leases.
- No two nodes have the same name; no two of them the same port of one host, 0 aside.
- \`webHost\` says where HTTP listens, so it excludes \`web: false\`.
- \`master\` stands only in files that have workers and no masters, and there it must.
- \`security.secret\` is a reference to the environment, never the secret itself, and excludes \`security.file\`.`

/** docs/configuration.md. */
export function configurationPage(): string {
  const tables = sections(deploymentJsonSchema(), '').map(sectionText)
  return `${[configurationIntro.replace('\n', `\n\n${generated}\n`), ...tables, rules].join('\n\n')}\n`
}

/** docs/errors.md. */
export function errorsPage(): string {
  const rows = Object.entries(errorCodes).map(
    ([name, { meaning, help, exit }]) =>
      `| \`FIRESTEEL_${name}\` | ${cell(meaning)} | ${cell(errorCauses[name as ErrorName])} | ${cell(help)} | ${exit} |`,
  )
  return `# Error codes

${generated}

Every error of a command, of the library and of a node has a code that stays the same; its text may change. Commands
print \`CODE: sentence\` with the place and the remedy to standard error, with \`--json\` as
\`{"error":{"code","message","help"}}\`. Exit codes: 0 done, 1 the work failed, 2 bad usage or configuration, 3 no ALIVE
Master within \`--master-timeout\`, 4 refused (secret, state, resources), 130 interrupted. \`firesteel explain CODE\` says
the same as this page, without a cluster.

| code | what happened | mostly because | what to do | exit |
| --- | --- | --- | --- | --- |
${rows.join('\n')}
`
}
