#!/bin/sh
//usr/bin/env true; exec node -- "$0" "$@"
/*
 * The command `firesteel`. A shell runs the second line, which is a comment to Node: without its `--` Node
 * takes `--env-file` for itself, wherever that stands. `env -S node --` would be shorter, but the `env` of
 * Alpine Linux has no -S. The code of the command is where the build has put it into few files.
 */
import { programs } from '../../built-file.js'

await import(programs.cli.href)
