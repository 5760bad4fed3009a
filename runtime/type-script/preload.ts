import { compileTypeScript, ESBUILD_VARIABLE } from './type-script.js'

/* Node imports it before the program (`--import`). */

const esbuild = process.env[ESBUILD_VARIABLE]
if (esbuild !== undefined) compileTypeScript(esbuild)
