import { createHash } from 'node:crypto'
import type { RedisScript } from '../../redis/reply.js'
import { SEALED_END_BYTES } from './record-seal.js'

/*
 * The only writers of the data store (protocol 3). Each script checks first and writes afterwards, because a
 * script that fails keeps what it wrote before. KEYS[1] is the leader record; its fields format, cluster,
 * epoch, owner, seq and write id decide. Numbers are passed as text.
 */

/** A full Redis must not lose its leader: scripts that free memory or renew a leadership run all the same. */
const allowOom = '#!lua flags=allow-oom\n'
const readOnly = '#!lua flags=no-writes,allow-oom\n'

const helpers = `
local function num(text) return tonumber(text or '0') or -1 end
local function text(number) return string.format('%.0f', number) end
local function now()
  local time = redis.call('TIME')
  return time[1] .. string.format('%06d', time[2])
end
-- The first key that exists and is no hash. HSET on it would fail half-way.
local function foreign(from)
  for i = from, #KEYS do
    local kind = redis.call('TYPE', KEYS[i]).ok
    if kind ~= 'hash' and kind ~= 'none' then return {'FOREIGN', KEYS[i], kind} end
  end
end
`

const compareFence = `
-- Compares the fence; nil says go. Without prev the mark is not compared.
local function compare_fence(e, o, prev, mark)
  local stored = redis.call('HMGET', KEYS[1], 'epoch', 'owner', 'seq', 'mark')
  local epoch, owner, seq, at = num(stored[1]), stored[2] or '', num(stored[3]), stored[4] or ''
  if epoch > e or (epoch == e and owner ~= o) then return {'DEPOSED', text(epoch), owner} end
  if epoch < e then return {'REWOUND', text(epoch), text(seq), at} end
  if prev and mark and at == mark then return {'DUPLICATE', text(epoch), text(seq)} end
  if prev and at ~= prev then return {'REWOUND', text(epoch), text(seq), at} end
  return nil, seq
end
`

/** KEYS: all of the cluster. -> {'FOREIGN', key, type} or the leader record, field by field. */
export const inspect = script(`${readOnly}${helpers}
return foreign(1) or {'OK', redis.call('HGETALL', KEYS[1])}
`)

/**
 * ARGV: format as seen or for an empty store, cluster, seen epoch, seen owner, me, address, lock, observed
 * epoch, write id, elections before (opaque), protocols of the candidate (opaque), id of the key that seals
 * the records.
 */
export const elect = script(`${allowOom}${helpers}
local wrong = foreign(1)
if wrong then return wrong end
local format, cluster, seenEpoch, seenOwner, me = ARGV[1], ARGV[2], num(ARGV[3]), ARGV[4], ARGV[5]
local stored = redis.call('HMGET', KEYS[1], 'format', 'cluster', 'epoch', 'owner', 'seq', 'base', 'mark', 'key')
local epoch, owner, seq = num(stored[3]), stored[4] or '', num(stored[5])
if redis.call('EXISTS', KEYS[1]) == 1 then
  if stored[2] ~= cluster or stored[8] ~= ARGV[12] or epoch < 1 or seq < 0 then return {'STRANGE'} end
end
if owner == me then return {'OK', stored[3], stored[6], stored[7]} end
-- A format that was raised since the candidate looked is one that it may not know.
if epoch ~= seenEpoch or owner ~= seenOwner or (stored[1] or format) ~= format then return {'CHANGED', text(epoch), owner} end
local base = text(epoch) .. ':' .. text(seq)
local mine = text(math.max(epoch, num(ARGV[8])) + 1)
redis.call('HSET', KEYS[1], 'format', format, 'cluster', cluster, 'owner', me, 'address', ARGV[6], 'lock', ARGV[7],
  'base', base, 'earlier', ARGV[10], 'protocols', ARGV[11], 'key', ARGV[12], 'touched', now(), 'left', '0', 'epoch', mine, 'seq', text(seq), 'mark', ARGV[9])
return {'OK', mine, base, ARGV[9]}
`)

/** ARGV: epoch, owner, lock, prev or nothing. */
export const touch = script(`${allowOom}${helpers}${compareFence}
local wrong = foreign(1)
if wrong then return wrong end
local refused, seq = compare_fence(num(ARGV[1]), ARGV[2], ARGV[4])
if refused then return refused end
redis.call('HSET', KEYS[1], 'touched', now(), 'lock', ARGV[3])
return {'OK', ARGV[1], text(seq)}
`)

/** ARGV: epoch, owner. */
export const leave = script(`${allowOom}${helpers}
local wrong = foreign(1)
if wrong then return wrong end
local stored = redis.call('HMGET', KEYS[1], 'epoch', 'owner')
if num(stored[1]) ~= num(ARGV[1]) or stored[2] ~= ARGV[2] then return {'CHANGED'} end
redis.call('HSET', KEYS[1], 'left', '1')
return {'OK'}
`)

/**
 * KEYS: leader record, then the tables. ARGV: epoch, owner, n, prev, write id, '1' if replicas are waited
 * for, format of the store from now on or '', then runs of (HSET or HDEL, index of the key, count of the
 * values, values). HSETs come first: a full Redis refuses the first of them, and so all.
 */
const commitBody = `${helpers}${compareFence}
local wrong = foreign(1)
if wrong then return wrong end
local refused = compare_fence(num(ARGV[1]), ARGV[2], ARGV[4], ARGV[5])
if refused then
  -- WAIT counts from the last write of its own connection: a duplicate needs one.
  if refused[1] == 'DUPLICATE' and ARGV[6] == '1' then redis.call('HSET', KEYS[1], 'touched', now()) end
  return refused
end
local at = 8
while at <= #ARGV do
  local command, key, last = ARGV[at], KEYS[tonumber(ARGV[at + 1])], at + 2 + tonumber(ARGV[at + 2])
  -- unpack of more than 8,000 values fails.
  for from = at + 3, last, 1000 do
    redis.call(command, key, unpack(ARGV, from, math.min(from + 999, last)))
  end
  at = last + 1
end
redis.call('HSET', KEYS[1], 'seq', ARGV[3], 'mark', ARGV[5])
if ARGV[7] ~= '' then redis.call('HSET', KEYS[1], 'format', ARGV[7]) end
return {'OK', ARGV[1], ARGV[3]}
`
/** Without a shebang a full Redis still answers DUPLICATE or DEPOSED, and refuses at the first HSET. */
export const commit = script(commitBody)
/** This frees memory, so a full Redis lets it pass. */
export const commitDeletes = script(`${allowOom}${commitBody}`)

const sameElection = `
local function moved()
  local stored = redis.call('HMGET', KEYS[1], 'epoch', 'owner', 'mark')
  if num(stored[1]) ~= num(ARGV[1]) or stored[2] ~= ARGV[2] then return true end
  return ARGV[3] ~= '' and stored[3] ~= ARGV[3]
end
local wrong = foreign(1)
if wrong then return wrong end
if moved() then return {'MOVED'} end
`

/**
 * KEYS: leader record, table. ARGV: epoch, owner, write id, cursor, count, what, groups. What of each record:
 * its 'content', or its 'seal', for these groups only if some are named. The group of a record is its field
 * without the last byte. 'sums': of each group with a record in this page, the sum modulo 2^52 of the first
 * 52 bits of SHA-1(field, seal), which does not depend on the order.
 * -> {'OK', next cursor, [field, content or seal, ...] or [group, sum, ...]}
 */
export const read = script(`${readOnly}${helpers}${sameElection}
local page = redis.call('HSCAN', KEYS[2], ARGV[4], 'COUNT', ARGV[5])
local flat = page[2]
if ARGV[6] == 'content' then return {'OK', page[1], flat} end
local found = {}
if ARGV[6] == 'seal' then
  local named = #ARGV > 6 and {} or nil
  for i = 7, #ARGV do named[ARGV[i]] = true end
  for i = 1, #flat, 2 do
    if not named or named[string.sub(flat[i], 1, -2)] then
      found[#found + 1] = flat[i]
      found[#found + 1] = string.sub(flat[i + 1], -${SEALED_END_BYTES})
    end
  end
  return {'OK', page[1], found}
end
local sums = {}
for i = 1, #flat, 2 do
  local group = string.sub(flat[i], 1, -2)
  local digest = redis.sha1hex(flat[i] .. string.sub(flat[i + 1], -${SEALED_END_BYTES}))
  sums[group] = ((sums[group] or 0) + tonumber(string.sub(digest, 1, 13), 16)) % 4503599627370496
end
for group, sum in pairs(sums) do
  found[#found + 1] = group
  found[#found + 1] = sum
end
return {'OK', page[1], found}
`)

/** KEYS: leader record, table. ARGV: epoch, owner, write id, fields. -> {'OK', [content or nil, ...]} */
export const readFields = script(`${readOnly}${helpers}${sameElection}
return {'OK', redis.call('HMGET', KEYS[2], unpack(ARGV, 4))}
`)

/**
 * KEYS: leader record, table, quarantine. ARGV: epoch, owner, write id, then (field, content as read, field
 * in the quarantine, header) of each.
 */
export const setAside = script(`${allowOom}${helpers}${sameElection}
for i = 4, #ARGV, 4 do
  local content = redis.call('HGET', KEYS[2], ARGV[i])
  -- Written again since it was read: a good record, perhaps.
  if content == ARGV[i + 1] then
    redis.call('HSET', KEYS[3], ARGV[i + 2], ARGV[i + 3] .. '\\n' .. content)
    redis.call('HDEL', KEYS[2], ARGV[i])
  end
end
return {'OK'}
`)

function script(lua: string): RedisScript {
  return { lua, sha1: createHash('sha1').update(lua).digest('hex') }
}
