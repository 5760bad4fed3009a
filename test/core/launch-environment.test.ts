import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Command } from '../../runtime/launch/cli/commander.js'
import {
  collectVariable,
  givenEnvironment,
  parseEnvironmentFile,
} from '../../runtime/launch/cli/commands/environment.js'
import { misplacedOption } from '../../runtime/launch/cli/commands/misplaced.js'

test('--env takes NAME=VALUE and NAME', async () => {
  const env = ['A=1', 'B=x=y', 'C', 'D='].reduce(
    (before, text) => collectVariable(text, before),
    {} as ReturnType<typeof collectVariable>,
  )
  const io = { cwd: '/', environment: { C: 'mine', E: 'not given' } }
  assert.deepEqual(await givenEnvironment(io, { env }), { A: '1', B: 'x=y', C: 'mine', D: '' })
  await assert.rejects(givenEnvironment(io, { env: collectVariable('NONE') }), {
    code: 'FIRESTEEL_USAGE',
    message: '--env NONE: this variable is not set here.',
    help: 'Write --env NONE=VALUE, or set it before.',
  })
  for (const text of ['', '=x', '1A=x', 'A-B'])
    assert.throws(() => collectVariable(text), /NAME=VALUE, or NAME of a variable of yours/)
})

test('no variable is left out without a word, whatever its name', () => {
  const named = (given: object): string[] => Object.keys(given)
  assert.deepEqual(named(parseEnvironmentFile('__proto__=1\nconstructor=2\n', 'job.env')), [
    '__proto__',
    'constructor',
  ])
  assert.deepEqual(named(collectVariable('__proto__=1')), ['__proto__'])
})

test('--env-file: comments, quotes, names of own variables; a wrong line is named', () => {
  const text = '# job\n\nA=1\nexport B="two words"\nC=\'$x\'\r\nTOKEN\nD = spaced \nE="half\n'
  assert.deepEqual(parseEnvironmentFile(text, 'job.env'), {
    A: '1',
    B: 'two words',
    C: '$x',
    TOKEN: null,
    D: 'spaced',
    E: '"half',
  })
  assert.throws(() => parseEnvironmentFile('A=1\nno good=2\n', 'job.env'), {
    code: 'FIRESTEEL_USAGE',
    message: 'job.env:2 must be NAME=VALUE, or NAME of a variable of yours.',
  })
})

test('an option of ours after MAIN is said in one line, unless -- comes before it', () => {
  const submit = new Command('submit').option('--supervise').option('--name <name>').option('-j, --jobs <n>')
  const said = (...args: string[]) => {
    const main = args.indexOf('server.js')
    return misplacedOption(submit, ['submit', ...args], 'server.js', args.slice(main + 1))
  }
  const sentence =
    '--supervise comes after server.js, so it went to the program and not to submit. ' +
    'Options of submit come before MAIN; `--` before MAIN says that you mean it so.'
  assert.equal(said('server.js', '--supervise'), sentence)
  assert.equal(said('--name', 'x', 'server.js', 'a', '--supervise'), sentence)
  assert.match(said('server.js', '--name=x') ?? '', /^--name=x comes after server\.js/)
  assert.match(said('server.js', '-j', '2') ?? '', /^-j comes after/)
  for (const fine of [
    ['--supervise', 'server.js', '--port', '9000'],
    ['--', 'server.js', '--supervise'],
    ['server.js', '--', '--supervise'],
    ['server.js', 'supervise'],
  ])
    assert.equal(said(...fine), undefined, fine.join(' '))
})
