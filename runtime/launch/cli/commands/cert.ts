import { resolve } from 'node:path'
import { FiresteelError } from '../../../errors.js'
import { innerLimits } from '../../../inner-limits.js'
import { Argument } from '../commander.js'
import { type Console, printJson } from '../console.js'
import { type AddCommand, examples } from './command.js'
import { intOption, listOption } from './options.js'

const actions = ['init', 'issue', 'revoke'] as const
type Action = (typeof actions)[number]

interface CertOptions {
  readonly host?: string[]
  readonly client?: true
  readonly days?: number
  readonly json?: true
}

/** A name is also that of a file. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/
const HOST = /^[A-Za-z0-9_.:*-]{1,253}$/

export const addCert: AddCommand = (program, run) => {
  program
    .command('cert')
    .description(
      'Makes the certificates for TLS between the nodes of a cluster and its clients. init makes a CA in the folder DIR, issue a certificate of it, and revoke lists all certificates of a name, or one by its path, as those that count no more. Keys are readable by their owner alone.',
    )
    .addArgument(new Argument('<action>', 'what to do').choices(actions))
    .argument('<dir>', 'the folder of the CA')
    .argument(
      '[name]',
      'with issue and revoke: the node or client that the certificate is for; with revoke also the path of one certificate',
    )
    .option('--host <hosts>', 'with issue: host names and addresses by which the node is dialled', listOption)
    .option('--client', 'with issue: for a client; it does not count as that of a node')
    .option(
      '--days <days>',
      `for how long it counts (default: ${innerLimits.certificateDays}, of a CA ${innerLimits.authorityDays})`,
      intOption(1, innerLimits.certificateDaysMost),
    )
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      examples(
        'firesteel cert init ca',
        'firesteel cert issue ca node1 --host node1.example.org,10.0.0.1',
        'firesteel cert issue ca laptop --client --days 30',
        'firesteel cert revoke ca laptop',
      ),
    )
    .action((action: Action, dir: string, name: string | undefined, options: CertOptions) =>
      run(async (io) => {
        // Whatever this process writes is for its user alone.
        process.umask(0o077)
        const folder = resolve(io.cwd, dir)
        if (action === 'init') return init(io, { dir, folder }, name, options)
        return action === 'issue'
          ? issue(io, { dir, folder }, checkedName(name, action), options)
          : revoke(io, { dir, folder }, name, options)
      }),
    )
}

interface Place {
  /** As the user wrote it. */
  readonly dir: string
  readonly folder: string
}

const usage = (message: string): FiresteelError => new FiresteelError('USAGE', message)

async function init(
  io: Console,
  { dir, folder }: Place,
  name: string | undefined,
  options: CertOptions,
): Promise<number> {
  if (name !== undefined) throw usage('`cert init` takes a folder and nothing else.')
  if (options.host || options.client) throw usage('--host and --client are for `cert issue`.')
  const { makeAuthority, makeRevocationList } = await import('../../../tls/certificate-maker.js')
  const { caKeyPath, caPath, crlPath, writeAuthority } = await import('../cert-folder.js')
  const nowMs = Date.now()
  const validMs = (options.days ?? innerLimits.authorityDays) * innerLimits.dayMs
  const authority = await makeAuthority(validMs, nowMs)
  await writeAuthority(folder, authority, await makeRevocationList(authority, [], nowMs))
  const made = {
    ca: caPath(folder),
    key: caKeyPath(folder),
    crl: crlPath(folder),
    validUntil: until(nowMs + validMs),
  }
  if (options.json) await printJson(io, made)
  else
    await io.out(
      `${dir} has a new CA, valid until ${made.validUntil}. ca.pem goes to every node and client; keep ca-key.pem here.\n`,
    )
  return 0
}

async function issue(
  io: Console,
  { dir, folder }: Place,
  name: string,
  options: CertOptions,
): Promise<number> {
  const { host: hosts = [], client: isClient = false } = options
  if (hosts.length === 0 && !isClient)
    throw usage('`cert issue` needs --host with the names by which the node is dialled, or --client.')
  if (hosts.length > 0 && isClient) throw usage('Nobody dials a client: leave out --host or --client.')
  for (const host of hosts)
    if (!HOST.test(host)) throw usage(`--host ${host} is neither a host name nor an address.`)
  const { issueCertificate } = await import('../../../tls/certificate-maker.js')
  const { certPath, keyPath, readAuthority, writeCertificate } = await import('../cert-folder.js')
  const nowMs = Date.now()
  const validMs = (options.days ?? innerLimits.certificateDays) * innerLimits.dayMs
  const texts = await issueCertificate(await readAuthority(folder), { name, hosts, isClient, validMs, nowMs })
  await writeCertificate(folder, name, texts)
  const made = {
    cert: certPath(folder, name),
    key: keyPath(folder, name),
    hosts,
    validUntil: until(nowMs + validMs),
  }
  if (options.json) await printJson(io, made)
  else
    await io.out(
      `${dir}/${name}.pem and ${name}-key.pem are ${isClient ? 'for a client' : `for ${hosts.join(', ')}`}, valid until ${made.validUntil}.\n`,
    )
  return 0
}

async function revoke(
  io: Console,
  { dir, folder }: Place,
  name: string | undefined,
  options: CertOptions,
): Promise<number> {
  if (options.host || options.client || options.days !== undefined)
    throw usage('--host, --client and --days are for `cert issue`.')
  if (name === undefined) throw usage('`cert revoke` needs the name of a certificate, or the path of one.')
  const { makeRevocationList } = await import('../../../tls/certificate-maker.js')
  const { addRevoked, crlPath, readAuthority, serialOf, serialsOf } = await import('../cert-folder.js')
  const authority = await readAuthority(folder)
  const nowMs = Date.now()
  const isName = NAME.test(name) && !name.endsWith('.pem')
  if (isName) checkedName(name, 'revoke')
  const { serials, revoked } = await addRevoked(
    folder,
    async () =>
      isName
        ? await serialsOf(folder, name, authority, nowMs)
        : [await serialOf(resolve(io.cwd, name), authority)],
    (all) => makeRevocationList(authority, all, nowMs),
  )
  if (options.json) await printJson(io, { serials, revoked, crl: crlPath(folder) })
  else {
    const number = serials.length === 1 ? '1 certificate' : `all ${serials.length} certificates of that name`
    await io.out(
      `${name} counts no more (${number}) once the nodes have the new ${dir}/crl.pem (security.tls.crl). Revoked in all: ${revoked}.\n`,
    )
  }
  return 0
}

function checkedName(name: string | undefined, action: Action): string {
  if (name === undefined) throw usage(`\`cert ${action}\` needs a name for the certificate.`)
  if (!NAME.test(name) || takenByAuthority.has(name) || /(-key|\.pem)$/.test(name))
    throw usage(
      `${name} cannot be the name of a certificate: it has letters, digits, dot, dash or underscore, is not that of a file of the CA, and does not end with -key or .pem.`,
    )
  return name
}

const takenByAuthority: ReadonlySet<string> = new Set(['ca', 'ca-key', 'crl'])

const until = (ms: number): string => new Date(ms).toISOString().slice(0, 10)
