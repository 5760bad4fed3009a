/*
 * Options of GNU parallel that `each` does not have, with what to do instead. The error of an unknown option
 * says it, and the table of docs/each.md has the same lines.
 */

interface ParallelOption {
  readonly names: readonly string[]
  readonly instead: string
}

const noPipe = 'Split the input into files before, and give their names as items.'
const hosts = 'Leave it out: the cluster has the hosts.'
const shared = 'Files do not travel with a command: use a folder that all hosts share.'
const quoted = 'Leave it out: an item is quoted wherever it stands. Quote the command itself for the shell.'

export const parallelOptions: readonly ParallelOption[] = [
  { names: ['-P', '--max-procs'], instead: 'Use -j.' },
  { names: ['-n', '--max-args', '-L', '--max-lines'], instead: 'Use -N: items for one command.' },
  {
    names: ['-X', '-m', '--xargs', '-s', '--max-chars'],
    instead: 'Use -N with the number of items for one command.',
  },
  {
    names: ['-d', '--delimiter'],
    instead: 'Items are lines, or with -0 end with NUL bytes: use `tr , "\\n"` before.',
  },
  { names: ['-q', '--quote'], instead: quoted },
  { names: ['-I', '-i', '--replace'], instead: 'The replacement string is {}.' },
  { names: ['-u', '--ungroup'], instead: 'Use --line-buffer: lines appear at once, and are whole.' },
  { names: ['--group'], instead: 'Leave it out: output is grouped by command.' },
  { names: ['-r', '--no-run-if-empty'], instead: 'Leave it out: without items nothing runs.' },
  { names: ['-v', '-t', '--verbose'], instead: 'Use --dry-run to see commands before, and --joblog after.' },
  { names: ['--dryrun'], instead: 'Use --dry-run.' },
  {
    names: ['--link', '--xapply'],
    instead: 'Use :::+ for the second source: it goes together with the first.',
  },
  { names: ['--header'], instead: 'Use `tail -n +2` before, and name columns by number: {1} {2}.' },
  {
    names: ['--wd', '--workdir'],
    instead: 'Commands run in this folder: begin the command with `cd FOLDER &&`.',
  },
  { names: ['--nice'], instead: 'Begin the command with `nice -n N`.' },
  { names: ['--shuf'], instead: 'Use `shuf` before.' },
  { names: ['--progress'], instead: 'Use --bar or --eta; on a terminal a bar is shown anyway.' },
  { names: ['--halt-on-error'], instead: 'Use --halt.' },
  { names: ['--pipe', '--pipepart', '--block', '--recstart', '--recend', '--tee'], instead: noPipe },
  { names: ['-S', '--sshlogin', '--sshloginfile', '--slf', '--onall', '--nonall'], instead: hosts },
  { names: ['--transfer', '--transferfile', '--return', '--cleanup', '--basefile'], instead: shared },
  { names: ['--plus', '--rpl', '--er'], instead: 'Let the shell do it, such as `x={}; basename "$x" .gz`.' },
  { names: ['--will-cite', '--citation', '--no-notice'], instead: 'Leave it out.' },
]

/** What to do instead of an option that `each` does not know, as it was written: `--wd=/tmp`, `-P4`. */
export function insteadOf(word: string): string | undefined {
  const name = word.startsWith('--') ? word.replace(/=.*$/s, '') : word.slice(0, 2)
  return parallelOptions.find(({ names }) => names.includes(name))?.instead
}
