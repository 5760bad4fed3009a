/* The part of nact that this package uses. The build makes one file of it (test/setup/bundle.ts). */

export { dispatch, type Ref, spawn, start, stop } from 'nact'
