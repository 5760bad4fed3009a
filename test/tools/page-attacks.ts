/*
 * Texts that attack a page which shows them: known ways out of markup, attributes, links and headers. A text
 * that sets `window.attacked` where it succeeds tells a browser test so.
 */

const run = 'window.attacked=1'

export const attacks: readonly string[] = [
  `<script>${run}</script>`,
  `</script><script>${run}</script>`,
  `"><img src=x onerror="${run}">`,
  `'><svg onload='${run}'>`,
  `" onmouseover="${run}" autofocus onfocus="${run}" x="`,
  `' autofocus onfocus=${run} x='`,
  `javascript:${run}`,
  `JaVaScRiPt:${run}//http://10.0.0.1:8081`,
  `data:text/html,<script>${run}</script>`,
  `http://10.0.0.1:8081/"><script>${run}</script>`,
  `</title><script>${run}</script>`,
  `</table></main><form action="http://evil.example/"><button autofocus>Go on</button></form>`,
  `<base href="http://evil.example/">`,
  `<meta http-equiv="refresh" content="0;url=http://evil.example/">`,
  `<link rel="stylesheet" href="http://evil.example/a.css">`,
  `<iframe srcdoc="<script>parent.${run}</script>"></iframe>`,
  `<!--`,
  `--><script>${run}</script>`,
  `<style>*{display:none}</style>`,
  `&lt;script&gt;&#60;img src=x onerror=${run}&#62;`,
  `\${${run}}`,
  `{{constructor.constructor('${run}')()}}`,
  `../../../kill?id=all`,
  `%2e%2e%2f%3Cscript%3E`,
  `a; script-src 'unsafe-inline' *; connect-src *`,
  `a\r\nset-cookie: firesteel=x\r\n\r\n<script>${run}</script>`,
  `\u202egnp.exe\u2066\u200b`,
  `\u001b[2J\u001b]0;owned\u0007`,
  '\ud800 lone surrogate',
  'w'.repeat(256),
  `${'\u0301'.repeat(60)}stacked`,
]
