import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isFiresteelError } from '../../runtime/errors.js'
import { limits } from '../../runtime/limits.js'
import {
  descriptorBudget,
  fewDescriptors,
  requireDescriptors,
} from '../../runtime/process/descriptor-budget.js'

test('rooms of a process: parts of what it may open, never more than the limits', () => {
  assert.deepEqual(descriptorBudget(1024), { nodes: 384, others: 256, handshakes: 64 })
  assert.deepEqual(descriptorBudget(4096), { nodes: 1536, others: 1024, handshakes: 256 })
  const { nodeLinks, clientLinks, openHandshakes } = limits
  assert.deepEqual(descriptorBudget(1_048_576), {
    nodes: nodeLinks,
    others: clientLinks,
    handshakes: openHandshakes,
  })
})

test('something is left for the store, files and children, whatever all listeners admit', () => {
  for (const descriptors of [128, 256, 1024, 4096]) {
    const { nodes, others, handshakes } = descriptorBudget(descriptors)
    const http = Math.floor(descriptors * limits.httpDescriptorShare)
    // Links and HTTPS have handshakes of their own.
    assert.ok(nodes + others + 2 * handshakes + http <= (7 / 8) * descriptors)
  }
})

const codeOf = (otherNodes: number, descriptors: number): string => {
  try {
    requireDescriptors(otherNodes, descriptors)
    return 'enough'
  } catch (error) {
    assert.ok(isFiresteelError(error, 'DESCRIPTORS_TOO_FEW'))
    return error.message
  }
}

test('a process that cannot have what it is to run says so, with how many it needs', () => {
  assert.equal(codeOf(384, 1024), 'enough')
  assert.equal(
    codeOf(385, 1024),
    'This process may open 1024 files (ulimit -Hn); for links to 385 other nodes it needs 1027.',
  )
  assert.equal(codeOf(385, 1027), 'enough')
  assert.equal(codeOf(0, 127), 'This process may open 127 files (ulimit -Hn); it needs at least 128.')
  assert.equal(codeOf(0, 128), 'enough')
})

test('what is enough is not told of', () => {
  assert.equal(fewDescriptors(limits.descriptorsEnough), undefined)
  assert.deepEqual(fewDescriptors(1024), { descriptors: 1024, mostNodes: 384, mostOthers: 256 })
})
