/* The part of commander that this package uses. The build makes one file of it (test/setup/bundle.ts). */

export { Argument, Command, CommanderError, InvalidArgumentError, Option } from 'commander'
