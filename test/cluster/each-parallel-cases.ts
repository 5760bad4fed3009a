/** One call that `each` and GNU parallel both get. */
export interface ParallelCase {
  readonly args: readonly string[]
  /** Standard input; characters are bytes. */
  readonly input?: string
  /** Where `each` differs on purpose: what it prints instead, and why. docs/each.md says so. */
  readonly ours?: { readonly stdout?: string; readonly fails?: boolean; readonly why: string }
}

const paths =
  'dir.d/\na.b/c.d/\nx.tar.gz\n./.bashrc\nfile.\n..\n.\n/\na/b.c\n.hidden\na/.h.t\nnoext\na//b.c\n//x\na/\n'
const dry = (args: string[], more: Omit<ParallelCase, 'args'> = {}): ParallelCase => ({
  args: ['--dry-run', '-k', ...args],
  ...more,
})
const bytes = Array.from({ length: 255 }, (_, index) => String.fromCharCode(index + 1)).join('')

/** Nothing runs: templates, quoting, sources. */
export const dryCases: readonly ParallelCase[] = [
  dry(['echo {}'], { input: paths }),
  dry(['echo {.}'], { input: paths }),
  dry(['echo {/}'], { input: paths }),
  dry(['echo {//}'], { input: paths }),
  dry(['echo {/.}'], { input: paths }),
  dry(['echo {#}:{}'], { input: 'a\nb\n' }),
  dry(['echo'], { input: 'a\n\nb\n' }),
  dry(['echo'], { input: 'a\r\nb\r\n' }),
  dry(['echo'], { input: '\xef\xbb\xbfa\nb' }),
  dry(['echo'], { input: 'caf\xe9\n\xff\n\xc3\xa9\n' }),
  dry(['-0', 'echo'], { input: 'a\nb\0c\0' }),
  dry(['-0', 'echo {}'], { input: bytes }),
  dry(['-0', 'echo {}'], { input: [...bytes].join('\0') }),
  dry(['echo'], { input: '' }),
  dry(['echo', ':::']),
  dry(['echo', ':::', '']),
  dry(['echo', ':::', 'a b', "it's", "''x'", '$x', '`y`', '"z"', '\\', '*', '~', '#', '!', 'a=b', '-n']),
  dry(['echo', '{}', '{}', ':::', 'a b']),
  dry(['echo {}x{}', ':::', 'a']),
  dry(['echo', 'several', 'words', ':::', 'a', 'b']),
  dry(['echo {1} {2}', ':::', 'a', 'b', ':::', 'c', 'd']),
  dry(['echo {2} {1}', ':::', 'a', 'b', ':::', 'c', 'd']),
  dry(['echo', ':::', 'a', 'b', ':::', 'c', 'd', ':::', 'e', 'f']),
  dry(['echo {}', ':::', 'a b', ':::', 'c d']),
  dry(['echo {1} {2}', ':::', 'a', 'b', ':::+', 'c', 'd']),
  dry(['echo {1} {2} {3}', ':::', 'a', 'b', ':::+', 'c', 'd', ':::', 'e', 'f']),
  dry(['echo {-1} {-2}', ':::', 'a', ':::', 'b']),
  dry(['echo {1.} {1/} {1//} {1/.} {2.}', ':::', 'x/a.c', ':::', 'y/b.d']),
  dry(['echo {3}', ':::', 'a', ':::', 'b']),
  dry(['echo {.}', ':::', 'a.c', ':::', 'b.d']),
  dry(['-N2', 'echo'], { input: 'a\nb\nc\n' }),
  dry(['-N2', 'echo {1}-{2}'], { input: 'a\nb\nc\n' }),
  dry(['-N3', 'echo {#} {3} {1}'], { input: 'a\nb\nc\nd\n' }),
  dry(['-N2', 'echo {}', ':::', 'a b', 'c', 'd']),
  dry(['--colsep', ',', 'echo {2}{1}', ':::', 'a,b', 'c,d']),
  dry(['--colsep', ',', 'echo', ':::', 'a,b', 'c,d']),
  dry(['--colsep', ' +', 'echo {2} {3}', ':::', 'a  b', 'c']),
  dry(['--colsep', '\\t', 'echo {2}'], { input: 'a\tb c\nd\te\n' }),
  dry(['-C', '[,;]', 'echo {3} {2}', ':::', 'a,b;c']),
  dry(['--colsep', ',', '-N2', 'echo {1} {2} {3} {4}', ':::', 'a,b', 'c,d']),
  dry(['echo', '::::', 'three']),
  dry(['-a', 'three', 'echo']),
  dry(['echo {1}{2}', '::::', 'three', ':::', 'a', 'b']),
  dry(['echo {1}{2}', '::::', 'three', 'two']),
  dry(['echo {1}{2}', '::::', 'two', '::::+', 'two']),
  dry(['echo', '::::', '-'], { input: 'x\ny\n' }),
  dry(['echo {1}{2}', '::::', '-', ':::', 'a', 'b'], { input: 'x\ny\n' }),
  dry([':::', 'echo a', 'echo "b  c"']),
  dry(["awk '{print $1}' {}", ':::', 'f']),
  dry(['echo {}x {a} {..x} {b.}', ':::', 'f']),
  dry(['--tag', 'echo', ':::', 'a'], {
    ours: { stdout: 'echo a\n', why: 'a dry run prints the command alone' },
  }),
  dry(["echo '{}' {}", ':::', 'a  b'], {
    ours: { stdout: "echo 'a  b' 'a  b'\n", why: 'inside your quotes an item is its own text' },
  }),
  dry(['echo "{}"', ':::', '$x'], {
    ours: { stdout: 'echo "\\$x"\n', why: 'inside your quotes an item is its own text' },
  }),
  dry(['echo {%}', ':::', 'a'], {
    ours: { stdout: 'echo {%} a\n', why: 'slots belong to executors on many hosts' },
  }),
]

/** These run. */
export const liveCases: readonly ParallelCase[] = [
  { args: ['-k', 'echo', ':::', 'a', 'b  c', "it's", '$x'] },
  { args: ['-k', 'printf %s {} | od -An -tx1'], input: 'caf\xe9\n\xff\xfe\n' },
  { args: ['-k', '-0', 'printf "%s|" {}'], input: bytes },
  { args: ['-k', 'printf "\\351\\377\\000x"', ':::', '1'] },
  { args: ['-k', '--tag', 'echo x; echo y {}', ':::', 'a', 'b c'] },
  { args: ['-k', '--tag', 'printf x; true', ':::', 'a'] },
  { args: ['-k', '-N2', '--tag', 'echo x; true', ':::', 'a', 'b', 'c'] },
  { args: ['-k', 'exit', ':::', '0', '0'] },
  { args: ['-k', 'exit', ':::', '0', '3', '0'] },
  { args: ['-k', 'kill -9 $$; true', ':::', '1'] },
  { args: ['-k', 'no-such-command', ':::', 'a'] },
  { args: ['-k', '(', ':::', 'a'] },
  { args: ['-k', 'cat; echo', ':::', 'a'], input: '1\n2\n' },
  { args: ['-k', 'pwd; true', ':::', 'a'] },
  { args: ['-k', 'cd /; pwd; true', ':::', 'a', 'b'] },
  { args: ['-k', 'sleep 0.{}; echo', ':::', '3', '1'] },
  { args: ['-j1', 'echo', ':::', 'c', 'a', 'b'] },
  { args: ['-j1', '--halt', 'now,fail=1', 'echo {}; exit {}', ':::', '0', '3', '2'] },
  { args: ['-j1', '--halt', 'soon,success=1', 'echo {}; exit {}', ':::', '1', '0', '2'] },
  { args: ['-j1', '--halt', 'soon,fail=50%', 'echo {}; exit {}', ':::', '1', '0', '2', '3', '4'] },
  { args: ['-j1', '--halt', 'soon,done=2', 'echo {}; exit {}', ':::', '1', '0', '2'] },
  { args: ['-j1', '--halt', 'never', 'echo {}; exit {}', ':::', '1', '0'] },
  {
    args: [
      '-j1',
      '--retries',
      '2',
      'echo x >> tries-$TOOL; [ $(wc -l < tries-$TOOL) = 2 ]; true',
      ':::',
      '1',
    ],
  },
  { args: ['-k', '--timeout', '3', 'sleep {}; echo {}', ':::', '0', '30'] },
  { args: ['-k', '--delay', '0.1', 'echo', ':::', 'a', 'b'] },
  { args: ['-k', '--memfree', '1M', 'echo', ':::', 'a'] },
  { args: ['-k', ':::', 'echo a', 'echo "b  c"'] },
  { args: ['-k', '-j1', '--joblog', 'log-$TOOL', 'echo {}; exit {}', ':::', '0', '5', '0'] },
  { args: ['-k', '-j1', '--joblog', 'log-$TOOL', '--resume', 'echo {}; exit {}', ':::', '0', '5', '0', '7'] },
  {
    args: [
      '-k',
      '-j1',
      '--joblog',
      'log-$TOOL',
      '--resume-failed',
      'echo {}; exit {}',
      ':::',
      '0',
      '5',
      '0',
      '7',
    ],
  },
  {
    args: [
      '-k',
      '--results',
      'results-$TOOL',
      'echo {1}{2}; echo e >&2',
      ':::',
      'a',
      'b/c',
      ':::',
      'x y',
      '\\',
    ],
  },
  { args: ['-j1', '--line-buffer', 'echo {}; printf %s {}', ':::', 'a', 'b'] },
  { args: ['-j2', '--lb', 'echo {}', ':::', 'a', 'a', 'a'] },
  { args: ['-j1', '--lb', '--tag', 'echo x; printf "y\nz"; true', ':::', 'a', 'b c'] },
  { args: ['-k', '--lb', 'sleep 0.{}; echo {}; echo x{}', ':::', '3', '1', '2'] },
  { args: ['-k', '--lb', '--tag', 'seq {} 20000', ':::', '1', '2', '3'] },
  { args: ['-k', '--lb', 'printf %s {}; exit {}', ':::', '0', '3'] },
  { args: ['-k', '--lb', 'printf "\\351\\377\\000x"', ':::', '1'] },
  { args: ['-k', '--line-buffer', 'head -c 300000 /dev/zero | tr "\\0" {}; echo; true', ':::', 'a', 'b'] },
  // A line of one is never inside a line of another, so each line is whole.
  {
    args: [
      '-j2',
      '--lb',
      'for i in 1 2 3 4 5 6; do printf x; sleep 0.02; echo y; done; true',
      ':::',
      '1',
      '2',
      '3',
    ],
  },
  { args: ['-k', 'head -c 3000000 /dev/zero | tr "\\0" {}; echo; true', ':::', 'a', 'b'] },
  { args: ['-k', '--tagstring', '{#}-{/.}', 'echo x; true', ':::', 'a/b.c', "it's"] },
  { args: ['-k', '--tagstring', 'job', 'echo', ':::', 'a', 'b'] },
  { args: ['-k', '-N2', '--tagstring', '{2}:{1}', 'echo', ':::', 'a', 'b', 'c', 'd'] },
  {
    args: ['-k', 'echo'],
    input: 'a\0b\nc\n',
    ours: { stdout: 'c\n', fails: true, why: 'an item with a NUL byte fails' },
  },
]
