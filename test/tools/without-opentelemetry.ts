import Module, { register } from 'node:module'

/* Loaded before a program (`--import`): no package of OpenTelemetry is found, as if none was installed. */

interface Resolver {
  _resolveFilename(request: string, ...rest: unknown[]): string
}

const loader = Module as unknown as Resolver
const inner = loader._resolveFilename
loader._resolveFilename = (request, ...rest) => {
  if (!request.startsWith('@opentelemetry/')) return inner.call(loader, request, ...rest)
  throw Object.assign(new Error(`Cannot find module '${request}'`), { code: 'MODULE_NOT_FOUND' })
}
const hooks = `export async function resolve(name, context, next) {
  if (!name.startsWith('@opentelemetry/')) return next(name, context)
  throw Object.assign(new Error("Cannot find package '" + name + "'"), { code: 'ERR_MODULE_NOT_FOUND' })
}`
register(`data:text/javascript,${encodeURIComponent(hooks)}`)
