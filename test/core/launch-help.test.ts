import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createProgram } from '../../runtime/launch/cli/cli.js'
import { CommanderError } from '../../runtime/launch/cli/commander.js'

const program = await createProgram([], async () => undefined, { out: () => undefined, err: () => undefined })

/** `COMMAND FLAGS` -> what help says of it. */
const help = new Map(
  program.commands.flatMap((command) =>
    command.options.map((option): [string, string] => [
      `${command.name()} ${option.long}`,
      command.createHelp().optionDescription(option),
    ]),
  ),
)

test('help says each default once, as people write it', () => {
  for (const [option, text] of help) {
    assert.ok((text.match(/default/g) ?? []).length <= 1, `${option}: ${text}`)
    assert.doesNotMatch(text, /default [^:]|default: \d{5,}/, option)
  }
  assert.match(help.get('submit --memory') ?? '', /\(default: 1g\)$/)
  assert.match(help.get('status --master-timeout') ?? '', /\(default: 30s\)$/)
  assert.match(help.get('master --lease') ?? '', /\(default: 2\.5s\)$/)
})

test('help lists the values of every option that takes one of a few', () => {
  const listed = [...help].filter(([, text]) => /\(choices: /.test(text)).map(([option]) => option)
  assert.deepEqual(listed, [
    'up --log-level',
    'master --recovery',
    'submit --on-isolation',
    'submit --stop-signal',
    'trace --format',
    'token --role',
  ])
})

test('a value that is none of them is refused, and the refusal names them', async () => {
  await assert.rejects(
    program.parseAsync(['submit', '--on-isolation', 'walk', 'main.js'], { from: 'user' }),
    (error) => error instanceof CommanderError && /'walk' is invalid.*run, stop/.test(error.message),
  )
})

test('a default that is written as text is read as what is written', async () => {
  const submit = program.commands.find((command) => command.name() === 'submit')
  const { memory, masterTimeout } = submit?.opts() ?? {}
  assert.deepEqual({ memory, masterTimeout }, { memory: 1024, masterTimeout: 30_000 })
})

test('every command has examples that begin with its name', () => {
  for (const command of program.commands) {
    let text = ''
    command.configureOutput({
      writeOut: (part) => {
        text += part
      },
    })
    command.outputHelp()
    const [, examples = ''] = text.split('\nExamples:\n')
    const lines = examples.split('\n').filter((line) => line.trim() !== '')
    assert.ok(lines.length > 0, command.name())
    for (const line of lines) assert.match(line, new RegExp(`firesteel ${command.name()}\\b|firesteel up`))
  }
})

test('a command line loads its own command, and all of them if it names none', async () => {
  const nothing = (): void => undefined
  const namesFor = async (...argv: string[]): Promise<string[]> => {
    const { commands } = await createProgram(argv, async () => undefined, { out: nothing, err: nothing })
    return commands.map((command) => command.name())
  }
  assert.deepEqual(await namesFor('status', '--json'), ['status'])
  assert.deepEqual(await namesFor('up', 'status'), ['up'])
  const all = program.commands.map((command) => command.name())
  assert.ok(all.length > 10)
  for (const argv of [['--help'], ['help', 'status'], ['stat'], ['constructor'], ['completion', 'bash'], []])
    assert.deepEqual(await namesFor(...argv), all, argv.join(' '))
})
