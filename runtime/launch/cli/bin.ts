#!/usr/bin/env node
import { programs } from '../../built-file.js'

/* The command `firesteel`. Its code is where the build has put it into few files. */
await import(programs.cli.href)
