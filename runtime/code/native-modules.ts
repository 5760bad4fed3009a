import { FiresteelError } from '../errors.js'
import { innerLimits } from '../inner-limits.js'
import { nodeMajor } from '../transport/node-major.js'
import type { Manifest, NativePlatform } from './manifest.js'

/** Where native modules of this machine run. */
export const ownPlatform: NativePlatform = { platform: `${process.platform}-${process.arch}`, nodeMajor }

/**
 * A package that brings its modules for several platforms keeps them in `prebuilds`, and takes the one that
 * fits.
 */
export const isNativeModule = (path: string): boolean =>
  path.endsWith('.node') && !path.split('/').includes('prebuilds')

/** Throws CODE_NATIVE, naming the modules, unless they run here. */
export function checkNative({ native, files }: Manifest, host: string, own = ownPlatform): void {
  if (native === undefined) return
  if (native.platform === own.platform && native.nodeMajor === own.nodeMajor) return
  const names = files.filter(({ path }) => isNativeModule(path)).map(({ path }) => path)
  const shown = names.slice(0, innerLimits.codeNames).join(', ')
  const more =
    names.length > innerLimits.codeNames ? `, and ${names.length - innerLimits.codeNames} more` : ''
  const message = `${host} is ${describe(own)}, and the code has native modules of ${describe(native)}: ${shown}${more}`
  throw new FiresteelError('CODE_NATIVE', message, { place: names[0] ?? '' })
}

const describe = ({ platform, nodeMajor: major }: NativePlatform): string =>
  `${platform} with Node.js ${major}`
