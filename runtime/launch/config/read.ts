import { innerLimits } from '../../inner-limits.js'
import { withoutOddLengths } from '../../odd-length.js'
import { protoKeyPath, protoKeyRule } from '../../proto-key.js'
import type * as z from '../../zod.js'
import { crossChecks } from './checks.js'
import type { Deployment } from './deployment.js'
import { type ConfigDocument, parseConfigDocument } from './document.js'
import { problemsOf } from './issues.js'
import { type ConfigProblem, formatPath, type KeyPath, type Place } from './problem.js'
import { prune } from './prune.js'
import { type FindCredential, resolveDeployment } from './resolve.js'
import { type DeploymentFile, deploymentSchema } from './schema.js'
import { type Environment, isPureReference, type Substituted, scalarOf, substitute } from './substitute.js'

export interface ReadOptions {
  /** Name of the file for messages. */
  readonly file: string
  /** Absolute folder at which relative paths of the file begin. */
  readonly folder: string
  readonly environment: Environment
  /** The path of a credential of this process with that name, if there is one. Default: there are none. */
  readonly credential?: FindCredential
}

export interface ReadResult {
  /** Set only if there is no problem. */
  readonly config?: Deployment
  /** All problems, in the order of the file. */
  readonly problems: readonly ConfigProblem[]
  /** Where a key of the file stands. Set with `config`. */
  readonly placeOf?: (path: KeyPath) => Place
}

const secretPath = ['security', 'secret'] as const

function literalSecret(document: ConfigDocument): ConfigProblem[] {
  const root = document.value as { security?: { secret?: unknown } } | null | undefined
  const secret = root?.security?.secret
  if (typeof secret !== 'string' || isPureReference(secret)) return []
  const message = `security.secret must be a reference without default, such as "\${FIRESTEEL_SECRET}": files get copied`
  return [invalidAt(document, secretPath, message)]
}

/** The schema leaves such a key out without a word, and nobody would notice. */
function protoKey({ value }: Substituted, document: ConfigDocument): ConfigProblem[] {
  const path = protoKeyPath(value)
  return path ? [invalidAt(document, path, `${formatPath(path)} ${protoKeyRule}`)] : []
}

function invalidAt(document: ConfigDocument, path: KeyPath, message: string): ConfigProblem {
  const place = document.placeOf(path)
  return {
    code: 'CONFIG_INVALID',
    file: document.file,
    place,
    key: formatPath(path),
    message,
    nearest: undefined,
  }
}

function missingVariables({ missing }: Substituted, document: ConfigDocument): ConfigProblem[] {
  return missing.map(({ path, name }) => {
    const what = formatPath(path) || 'the file'
    return invalidAt(document, path, `${what} needs the environment variable ${name}, which is not set`)
  })
}

/**
 * `port: ${PORT}` gives text where a number is expected, so text from the environment is read as the type
 * that the schema expects.
 */
function coerceReplaced(
  value: unknown,
  replaced: ReadonlySet<string>,
  issues: readonly z.core.$ZodIssue[],
): boolean {
  let changed = false
  for (const issue of issues) {
    if (issue.code !== 'invalid_type' || !replaced.has(JSON.stringify(issue.path))) continue
    const expected = issue.expected === 'boolean' ? 'boolean' : 'number'
    const last = issue.path.at(-1)
    let parent = value as Record<PropertyKey, unknown>
    for (const part of issue.path.slice(0, -1)) parent = parent[part] as Record<PropertyKey, unknown>
    const text = last === undefined ? undefined : parent[last]
    const scalar = typeof text === 'string' ? scalarOf(text, expected) : undefined
    if (scalar === undefined || last === undefined) continue
    parent[last] = scalar
    changed = true
  }
  return changed
}

function ordered(problems: readonly ConfigProblem[]): ConfigProblem[] {
  return [...problems].sort((a, b) => a.place.line - b.place.line || a.place.column - b.place.column)
}

function findings(
  document: ConfigDocument,
  file: DeploymentFile,
  pruned: readonly KeyPath[],
): ConfigProblem[] {
  return crossChecks(file, pruned).map(({ code, path, message }) => ({
    code,
    file: document.file,
    place: document.placeOf(path),
    key: formatPath(path),
    message,
    nearest: undefined,
  }))
}

/**
 * The first round takes out what is wrong, the second the objects that lack a key they need since then. No
 * file has needed a third; where one does, the rules between keys wait for the next run.
 */
const PRUNE_ROUNDS = innerLimits.configPruneRounds

interface Checked {
  readonly file?: DeploymentFile
  readonly problems: readonly ConfigProblem[]
}

/** Checks the schema, and then the rules between keys on what the schema accepted. */
function check(document: ConfigDocument, { value: written, replaced }: Substituted): Checked {
  const value = withoutOddLengths(written)
  let parsed = deploymentSchema.safeParse(value)
  if (!parsed.success && coerceReplaced(value, replaced, parsed.error.issues)) {
    parsed = deploymentSchema.safeParse(value)
  }
  if (parsed.success) return { file: parsed.data, problems: findings(document, parsed.data, []) }
  const problems = problemsOf(parsed.error.issues, value, document)
  const pruned: KeyPath[] = []
  for (let round = 0; round < PRUNE_ROUNDS && !parsed.success; round++) {
    pruned.push(...prune(value, parsed.error.issues))
    parsed = deploymentSchema.safeParse(value)
  }
  return { problems: parsed.success ? [...problems, ...findings(document, parsed.data, pruned)] : problems }
}

/** Reads and checks a deployment file. Pure: no file, no environment but those given; never throws. */
export function readConfig(text: string, options: ReadOptions): ReadResult {
  return readDocument(parseConfigDocument(text, options.file), options)
}

/**
 * What a launcher needs of a file that is applied. The variables of its submissions are those of whoever
 * applies it, and may not be set here. Where they keep the file from being read, it has no submissions.
 */
export function readNodes(text: string, options: ReadOptions): ReadResult {
  const whole = readConfig(text, options)
  if (whole.config) return whole
  const document = parseConfigDocument(text, options.file)
  const { value } = document
  if (typeof value !== 'object' || value === null || !('submissions' in value)) return whole
  const { submissions: _, ...nodes } = value
  return readDocument({ ...document, value: nodes }, options)
}

function readDocument(document: ConfigDocument, options: ReadOptions): ReadResult {
  if (document.problems.length > 0) return { problems: document.problems }
  const substituted = substitute(document.value, options.environment)
  const first = [
    ...missingVariables(substituted, document),
    ...literalSecret(document),
    ...protoKey(substituted, document),
  ]
  const { file, problems: found } = check(document, substituted)
  // If a variable is not set, that is the cause. The broken rule of its empty text only follows from it.
  const problems = [
    ...first,
    ...found.filter(({ key }) => key === '' || !first.some((other) => other.key === key)),
  ]
  if (problems.length > 0 || !file) return { problems: ordered(problems) }
  const config = resolveDeployment(file, options.folder, options.credential)
  return { config, problems: [], placeOf: (path) => document.placeOf(path) }
}

/**
 * Checks flags as if they were a file with this content. Places have no meaning then. Paths begin at
 * `folder`. References work as in a file, so a password need not be on the command line, where everybody can
 * read it.
 */
export function readValue(
  value: unknown,
  folder: string,
  environment: Environment,
  credential?: FindCredential,
): ReadResult {
  const options = { file: 'flags', folder, environment, ...(credential && { credential }) }
  return readConfig(JSON.stringify(value), options)
}
