import assert from 'node:assert/strict'
import { test } from 'node:test'
import { requireAllowed } from '../../actors/worker/allowed-launch.js'
import type { WorkerConfig } from '../../actors/worker/worker-config.js'
import { loadingOption } from '../../runtime/code/allowed-roots.js'
import { refusedVariable } from '../../runtime/process/allowed-environment.js'
import { userIn } from '../../runtime/process/run-as.js'

/* What a Worker passes on to what it starts, as pure rules. */

/** Each loads code into some program, or puts another program or another configuration in its place. */
const LOADING: readonly string[] = [
  ...['NODE_OPTIONS', 'NODE_PATH', 'NODE_REPL_EXTERNAL_MODULE', 'NODE_V8_COVERAGE', 'NODE_COMPILE_CACHE'],
  ...['OPENSSL_CONF', 'OPENSSL_MODULES', 'OPENSSL_ENGINES', 'SSL_CERT_FILE', 'FIRESTEEL_ESBUILD'],
  ...[
    'LD_PRELOAD',
    'LD_LIBRARY_PATH',
    'LD_AUDIT',
    'DYLD_INSERT_LIBRARIES',
    'GCONV_PATH',
    'LOCPATH',
    'NLSPATH',
  ],
  ...['GLIBC_TUNABLES', 'HOSTALIASES', 'RESOLV_HOST_CONF', 'MALLOC_TRACE', 'TMPDIR', 'LANGUAGE'],
  ...['PATH', 'HOME', 'XDG_CONFIG_HOME', 'SHELL', 'EDITOR', 'PAGER', 'LESSOPEN', 'TERMINFO'],
  ...[
    'BASH_ENV',
    'ENV',
    'SHELLOPTS',
    'BASHOPTS',
    'PS4',
    'IFS',
    'PROMPT_COMMAND',
    'BASH_FUNC_ls%%',
    'ZDOTDIR',
  ],
  ...['PYTHONPATH', 'PYTHONSTARTUP', 'PYTHONHOME', 'PERL5OPT', 'PERL5LIB', 'PERLLIB', 'PERL5DB'],
  ...[
    'RUBYOPT',
    'RUBYLIB',
    'GEM_PATH',
    'BUNDLE_GEMFILE',
    'PHPRC',
    'LUA_INIT',
    'R_PROFILE',
    'JULIA_LOAD_PATH',
  ],
  ...['JAVA_TOOL_OPTIONS', 'JDK_JAVA_OPTIONS', '_JAVA_OPTIONS', 'CLASSPATH', 'DOTNET_STARTUP_HOOKS'],
  ...['GIT_SSH_COMMAND', 'GIT_CONFIG_COUNT', 'GIT_EXEC_PATH', 'npm_config_node_options', 'MAKEFLAGS'],
]

test('without rules every variable is passed on, and with code roots none that could load code', () => {
  for (const name of [...LOADING, 'APP_MODE', 'A_VARIABLE_OF_NEXT_YEAR', 'TZDIR', 'LC', 'constructor']) {
    assert.equal(refusedVariable({ [name]: 'x' }, { names: null, hasCodeRoots: false }), undefined)
    assert.equal(refusedVariable({ LANG: 'C', [name]: 'x' }, { names: null, hasCodeRoots: true }), name)
  }
  const harmless = { LANG: 'C', LC_ALL: 'C', TZ: 'UTC', NO_COLOR: '1', FORCE_COLOR: '0' }
  assert.equal(refusedVariable(harmless, { names: null, hasCodeRoots: true }), undefined)
  assert.equal(refusedVariable({ LANG: 'C' }, { names: [], hasCodeRoots: true }), 'LANG')
})

test('names are allowed one by one or by their beginning, and what is allowed by name may load code', () => {
  const rules = { names: ['LANG', 'APP_*', 'NODE_PATH'], hasCodeRoots: true }
  assert.equal(refusedVariable({ LANG: 'C', APP_: '', APP_MODE: 'x', NODE_PATH: '/x' }, rules), undefined)
  for (const name of ['LANGUAGE', 'MY_APP_MODE', 'app_mode', 'NODE_OPTIONS', 'constructor'])
    assert.equal(refusedVariable({ LANG: 'C', [name]: 'x' }, rules), name)
  assert.equal(refusedVariable({ LANG: 'C' }, { names: [], hasCodeRoots: false }), 'LANG')
  assert.equal(refusedVariable({}, { names: [], hasCodeRoots: false }), undefined)
})

test('of the options of Node those that load code, evaluate it or open a port are not harmless', () => {
  const harmless = [
    '--max-old-space-size=100',
    '--enable-source-maps',
    '--stack-size=2000',
    '--no-warnings',
    '--trace-uncaught',
  ]
  assert.equal(loadingOption(harmless), undefined)
  const loading = [
    '--import',
    '--import=data:text/javascript,x',
    '-r',
    '--require=/tmp/x.js',
    '--loader',
    '-e',
    '--eval=1',
    '-p',
    '--inspect',
    '--inspect-brk=0.0.0.0:9229',
    '--env-file=/tmp/x',
    '/tmp/other.js',
    '--',
    '--max-old-space-size-evil',
    '--conditions=x',
    '--preserve-symlinks',
  ]
  for (const option of loading) assert.equal(loadingOption([...harmless, option]), option)
})

test('a refusal names the variable or the option and the host, with a code', () => {
  const config = { host: '10.0.0.1', codeRoots: ['/opt/jobs'], allowEnv: ['LANG'] } as unknown as WorkerConfig
  requireAllowed({ env: { LANG: 'C' }, nodeOptions: [] }, config)
  assert.throws(() => requireAllowed({ env: { SECRET: 'x' }, nodeOptions: [] }, config), {
    code: 'FIRESTEEL_ENV_NOT_ALLOWED',
    message: 'the environment variable SECRET is refused on 10.0.0.1',
    place: 'SECRET',
  })
  assert.throws(() => requireAllowed({ env: {}, nodeOptions: ['--import', '/tmp/x.js'] }, config), {
    code: 'FIRESTEEL_CODE_NOT_ALLOWED',
    message: /--import of Node\.js is refused on 10\.0\.0\.1, which runs only code in \/opt\/jobs/,
  })
  requireAllowed({ env: { X: 'x' }, nodeOptions: ['--import', 'x'] }, {
    host: 'h',
  } as unknown as WorkerConfig)
})

test('a user is found by name or number in the lines of passwd', () => {
  const text = 'root:x:0:0:root:/root:/bin/sh\njobs:x:1001:1002:Jobs,,:/home/jobs:/bin/sh\nbroken:x::\n'
  const jobs = { uid: 1001, gid: 1002, home: '/home/jobs' }
  assert.deepEqual(userIn(text, 'jobs'), { user: 'jobs', ...jobs })
  assert.deepEqual(userIn(text, '1001'), { user: '1001', ...jobs })
  for (const user of ['job', 'broken', '', 'x', '1002']) assert.equal(userIn(text, user), undefined, user)
})
