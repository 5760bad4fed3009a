import { testCustomRecovery } from 'firesteel/testing'
import * as recovery from './recovery.js'

/*
 * `node --test dist/examples/custom-recovery/recovery.test.js`: what every module for recovery.mode CUSTOM
 * must pass.
 */
testCustomRecovery('one JSON file', recovery)
