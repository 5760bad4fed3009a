/*
 * Words that the project used before docs/glossary.md had standard terms. Pure: text in, problems out. A word
 * that also has an ordinary meaning has exceptions, which are texts in which it is allowed.
 */

interface OldWord {
  readonly word: RegExp
  /** The term of the glossary. */
  readonly instead: string
  readonly except?: RegExp
}

/** In prose: pages, comments and names of tests. */
const oldWords: readonly OldWord[] = [
  { word: /\bbooks?\b/gi, instead: 'ClusterState, resource account' },
  { word: /\bfellows?\b/gi, instead: 'peer Master' },
  { word: /\b(?:Master)?seats?\b/gi, instead: 'MasterHost' },
  { word: /\bMasterLife\b/g, instead: 'MasterIncarnation' },
  { word: /\bdoors?\b/gi, instead: 'acceptor, dialer, executor listener' },
  { word: /\b(?:Question)?Desks?\b/g, instead: 'context, queue' },
  { word: /\binquests?\b/gi, instead: 'death check' },
  { word: /\bknock(?:s|ed|ing)?\b/gi, instead: 'probe' },
  {
    word: /\btails?\b/gi,
    instead: 'lost writes',
    except: /--tail|`tail|tail -|LostTail|TailTaken|tailWindow|output-tail|tail (?:counts|finds)/,
  },
  { word: /\bimages?\b/gi, instead: 'record cache', except: /image\/|container image/ },
  {
    word: /\bmarks?\b/gi,
    instead: 'write id',
    except:
      /marks (?:a message|what it refuses|and overrides)|has no mark|`mark`|, mark, base|mark := id|high-water mark|\bmark(?:s|ed)? (?:it|as)\b|a letter and a mark/,
  },
  { word: /\blanes?\b/gi, instead: 'commit queue' },
  { word: /\bmonarch(?:y|ies)\b/gi, instead: 'single-Master election' },
  { word: /\brehears(?:al|als|e|ed)\b/gi, instead: 'warm-up' },
  { word: /\bstor(?:y|ies)\b/gi, instead: 'merged trace, script' },
  { word: /\bhopeless\b/gi, instead: 'unrecoverable' },
  { word: /\brosters?\b/gi, instead: 'Master list' },
  { word: /\ballegiances?\b/gi, instead: 'leader tracker' },
  { word: /\btroubles?\b/gi, instead: 'degraded' },
  {
    word: /\bletters?\b/gi,
    instead: 'envelope',
    except: /dead.?letter|letters? of|capital letter|letters, digits|a letter and a mark/i,
  },
  { word: /\bstillness\b/gi, instead: 'staleness' },
  { word: /\bunledSince\b/g, instead: 'noLeaderSince' },
  { word: /\bimageGrace\w*\b/g, instead: 'recordCacheGraceMs' },
  { word: /\bprotagonists?\b/gi, instead: 'actor' },
]

/** Parts of identifiers, in camel case. */
const oldParts =
  /(?:Fellow|fellow|Inquest|inquest|Allegiance|allegiance|Stillness|stillness|Monarch|monarch|Rehears|rehears|Hopeless|hopeless|Roster|roster|MasterSeat|MasterLife|DriverDoor|DoorSays|QuestionDesk|unled|imageGrace|CommitLane|commitLane)/

export interface Found {
  readonly line: number
  readonly text: string
  readonly instead: string
}

/** Old words in prose. */
export function oldWordsOf(text: string): Found[] {
  return text.split('\n').flatMap((line, index) =>
    oldWords.flatMap(({ word, instead, except }) => {
      if (except?.test(line)) return []
      return [...line.matchAll(word)].map(([found]) => ({ line: index + 1, text: found, instead }))
    }),
  )
}

const TEXTS_AND_COMMENTS =
  /'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g

const blank = (text: string): string => text.replaceAll(/[^\n]/g, ' ')

/** Identifiers that are made of old words. */
export function oldIdentifiersOf(code: string): Found[] {
  return code
    .replaceAll(TEXTS_AND_COMMENTS, blank)
    .split('\n')
    .flatMap((line, index) =>
      (line.match(/[A-Za-z_$][\w$]*/g) ?? [])
        .filter((name) => oldParts.test(name))
        .map((text) => ({ line: index + 1, text, instead: 'docs/glossary.md' })),
    )
}

/** The comments of a file of TypeScript, at their lines; all else is blank. */
export function commentsOf(code: string): string {
  let result = ''
  let at = 0
  for (const { index, 0: text } of code.matchAll(TEXTS_AND_COMMENTS)) {
    result += blank(code.slice(at, index)) + (text.startsWith('/') ? text : blank(text))
    at = index + text.length
  }
  return result
}

const TEST_NAMES = /\b(?:test|describe)\(\s*(['`])((?:\\.|(?!\1)[^\\\n])*)\1|\bname: '([^'\n]* [^'\n]*)'/g

/** The names of tests, scripts and mutations in a file of TypeScript, one a line. */
export const testNamesOf = (code: string): string =>
  [...code.matchAll(TEST_NAMES)].map(([, , name, other]) => name ?? other).join('\n')

/** The glossary without its last column, which has the old words on purpose. */
export const withoutFormerly = (glossary: string): string =>
  glossary.replaceAll(/^(\|[^|]*\|[^|]*\|)[^|\n]*\|$/gm, '$1')
