import type { FoundCluster } from '../../../../actors/client/find-cluster.js'
import type { MasterClient } from '../../../../actors/client/master-client.js'
import type { TokenRow } from '../../../../actors/messages/tokens.js'
import { FiresteelError } from '../../../errors.js'
import { printable } from '../../../observe/printable.js'
import { unseal } from '../../../transport/sealed.js'
import { hasEnded, newTokenId, type TokenKind, tokenKinds, tokenRoles } from '../../../transport/token.js'
import { Argument, InvalidArgumentError, Option } from '../commander.js'
import { type Console, printJson } from '../console.js'
import { table } from '../text-table.js'
import { type ClusterOptions, clusterOptions, withClient } from './cluster.js'
import { type AddCommand, examples } from './command.js'
import { durationOption } from './options.js'

const actions = ['create', 'ls', 'revoke'] as const
type Action = (typeof actions)[number]

interface TokenOptions extends ClusterOptions {
  readonly role?: TokenKind
  readonly name?: string
  /** Milliseconds; undefined: it does not end by itself. */
  readonly expires?: number
}

const isoTime = (ms: number | null | undefined): string | null =>
  ms === null || ms === undefined ? null : new Date(ms).toISOString()

const rowJson = ({ id, name, role, createdAtMs, endsAtMs, by, revokedAtMs, revokedBy }: TokenRow) => ({
  id,
  name,
  role,
  createdAt: isoTime(createdAtMs),
  expiresAt: isoTime(endsAtMs),
  by,
  state: stateOf({ id, revokedAtMs }),
  revokedAt: isoTime(revokedAtMs),
  revokedBy: revokedBy ?? null,
})

const stateOf = ({
  id,
  revokedAtMs,
}: Pick<TokenRow, 'id'> & { readonly revokedAtMs?: number | undefined }) =>
  revokedAtMs !== undefined ? 'revoked' : hasEnded(id, Date.now()) ? 'ended' : 'in force'

const DAY_MS = 24 * 60 * 60 * 1000

/** `90d` is no duration elsewhere, because nothing else lasts so long. */
function expiresOption(text: string): number | undefined {
  if (text === 'never') return undefined
  const days = /^([1-9]\d{0,3})d$/.exec(text)?.[1]
  const ms = days === undefined ? durationOption(text) : Number(days) * DAY_MS
  if (ms < 1000) throw new InvalidArgumentError('It must be a second at least, such as 90d or 12h.')
  return ms
}

function nameOption(text: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/.test(text)) return text
  throw new InvalidArgumentError(
    'It must have 1 to 64 letters, digits, dots, dashes, underscores or at signs.',
  )
}

async function create(
  io: Console,
  client: MasterClient,
  { credential }: FoundCluster,
  { role, name, expires, json }: TokenOptions,
): Promise<void> {
  if (role === undefined || name === undefined)
    throw new FiresteelError('USAGE', '`token create` needs --role and --name.', {
      help: `Roles: ${tokenRoles.join(', ')}; each may do what the ones before it may. And worker, for the Worker of that name.`,
    })
  const id = newTokenId(role, expires === undefined ? undefined : Date.now() + expires)
  const { token } = await client.request({ type: 'RequestCreateToken', id, name })
  const { secret } = await client.request({ type: 'RequestTokenSecret', id })
  const text = unseal(secret, credential.key, id)
  if (json) {
    await printJson(io, { ...rowJson(token), token: text })
    return
  }
  await io.out(`${text}\n`)
  const ends = isoTime(token.endsAtMs)
  const until = ends === null ? 'It does not end by itself' : `It ends at ${ends}`
  const use =
    role === 'worker'
      ? 'start that Worker with it in the place of the secret'
      : 'keep it in FIRESTEEL_TOKEN, or in .firesteel/token with mode 600'
  await io.err(`${printable(`Token ${name}, role ${role}. ${until}. It is shown only now: ${use}.`)}\n`)
}

async function list(io: Console, client: MasterClient, { json }: TokenOptions): Promise<void> {
  const { tokens } = await client.request({ type: 'RequestTokens' })
  const rows = tokens.map(rowJson)
  if (json) await printJson(io, rows)
  else if (rows.length === 0) await io.out('There are no tokens.\n')
  else {
    const cells = rows.map(({ name, role, state, expiresAt, by, id }) => [
      printable(name),
      role,
      state,
      expiresAt ?? 'never',
      printable(by),
      id,
    ])
    await io.out(`${table(['NAME', 'ROLE', 'STATE', 'EXPIRES', 'BY', 'ID'], cells).join('\n')}\n`)
  }
}

async function revoke(
  io: Console,
  client: MasterClient,
  tokens: readonly string[],
  { json }: TokenOptions,
): Promise<void> {
  if (tokens.length === 0)
    throw new FiresteelError('USAGE', '`token revoke` needs the name or id of a token.')
  const revoked: TokenRow[] = []
  for (const token of tokens) {
    const answer = await client.request({ type: 'RequestRevokeToken', token })
    revoked.push(answer.token)
    if (!json) await io.out(`${printable(answer.token.name)} is revoked (${answer.token.id}).\n`)
  }
  if (json) await printJson(io, revoked.map(rowJson))
}

export const addToken: AddCommand = (program, run) => {
  clusterOptions(
    program
      .command('token')
      .description(
        'Makes, lists or revokes tokens: what somebody may do here without the secret of the cluster. observe sees all work; submit runs work, and sees and ends its own; operate ends all work and drains; admin makes tokens too. worker lets the Worker of that name join, and nothing else. A revoked token opens nothing new from then on, and its links end within a few seconds.',
      )
      .addArgument(new Argument('<action>', 'create makes one, ls lists, revoke ends some').choices(actions))
      .argument('[tokens...]', 'with revoke: names or ids')
      .addOption(new Option('--role <role>', 'with create: what it may do').choices([...tokenKinds]))
      .option('--name <name>', 'with create: what people call it', nameOption)
      .option(
        '--expires <duration>',
        'with create: it ends after this time, such as 90d or 12h (default: never)',
        expiresOption,
      ),
  )
    .addHelpText(
      'after',
      examples('firesteel token create --role submit --name ci --expires 90d', 'firesteel token revoke ci'),
    )
    .action((action: Action, tokens: string[], options: TokenOptions) =>
      run((io) =>
        withClient(io, options, async (client, found) => {
          if (action === 'revoke') await revoke(io, client, tokens, options)
          else if (tokens.length > 0)
            throw new FiresteelError('USAGE', `\`token ${action}\` takes no names; use --name.`)
          else if (action === 'create') await create(io, client, found, options)
          else await list(io, client, options)
          return 0
        }),
      ),
    )
}
