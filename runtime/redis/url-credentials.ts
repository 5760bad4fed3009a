const codes: Readonly<Record<string, string>> = { '/': '%2F', '#': '%23', '?': '%3F', '%': '%25' }

/**
 * What keeps the user or password of a URL from being read, with the remedy; undefined if they are well
 * encoded. These characters end a password where its owner does not mean it. The text never holds a part of
 * the password.
 */
export function credentialProblem(url: string): string | undefined {
  const [, rest = ''] = url.split('://', 2)
  const credentials = rest.slice(0, Math.max(rest.lastIndexOf('@'), 0))
  const found = ['/', '#', '?'].filter((character) => credentials.includes(character))
  if (/%(?![0-9a-fA-F]{2})/.test(credentials)) found.push('%')
  if (found.length === 0) return undefined
  const hints = found.map((character) => `${character} as ${codes[character]}`).join(', ')
  return `has a user or password that must be encoded: write ${hints}`
}
