import {
  applied,
  created,
  createArguments,
  fenceOf,
  need,
  reached,
  settleArguments,
  takenOver,
  TIMED,
  unchanged,
} from './states';
import { later, message, type Value, Vector } from './vector';

const ALL_BYTES = {
  hex: Array.from({ length: 256 }, (_byte, at) => at.toString(16).padStart(2, '0')).join(''),
};
const PAYLOADS: readonly (readonly [string, Value])[] = [
  ['empty', ''],
  ['every byte', ALL_BYTES],
  ['Unicode', '{"name":"Ærøskøbing 東京 😀"}'],
  ['newlines', 'a\nb\r\n\n'],
  ['null', 'null'],
];

/** Payloads as opaque bytes, limits of a reply, freshness, retention and timers. */
export function values(): Vector[] {
  return [...bytes(), ...limits(), ...freshness(), ...retention(), ...timers()];
}

function bytes(): Vector[] {
  return PAYLOADS.flatMap(([what, payload]) =>
    (['COMPLETED', 'FAILED'] as const).map((status) => {
      const vector = new Vector(`metadata and payload of ${what}, ${status}`);
      created(vector, { request: vector.request(), metadata: payload });
      // Bytes in hex cannot hold the names that a message has, so those travel by the record.
      const inlineBytes = typeof payload === 'string' ? 8192 : 255;
      applied(vector, { request: vector.request(), status, payload, inlineBytes });
      unchanged(vector, 'read', [], 'found');
      const create = { request: vector.request(), options: { reuse: status } };
      return unchanged(vector, 'create', createArguments(create), 'settled');
    }),
  );
}

function limits(): Vector[] {
  const list = [0, 10, 11].map((inlineBytes) => {
    const vector = reached(`a payload of 11 bytes, inlineBytes ${inlineBytes}`, 'open');
    return applied(vector, { request: vector.request(), status: 'COMPLETED', inlineBytes });
  });
  const own = reached('a settler that listens on a channel of its own', 'open');
  list.push(applied(own, { request: own.request(), status: 'COMPLETED', options: { ownChannel: 'own' } }));
  for (const limit of ['0', '10', '11']) {
    const vector = reached(`a payload of 11 bytes, replyLimit ${limit}`, 'completed');
    const bare = limit !== '11';
    const option = ['replyLimit', limit];
    unchanged(vector, 'read', option, 'found', bare);
    unchanged(vector, 'create', [...createArguments({ request: 'a' }), ...option], 'settled', bare);
    const settle = settleArguments({ request: 'b', status: 'FAILED' });
    unchanged(vector, 'settle', [...settle, ...option], 'already_settled', bare);
    unchanged(vector, 'delete', ['c', 'fence', '1', ...option], 'mismatch', bare);
    list.push(vector);
  }
  return list;
}

const FAR = '9007199254740991';

function freshness(): Vector[] {
  const stored = (name: string, freshUntil: string): Vector => {
    const vector = reached(name, 'open');
    return applied(vector, { request: vector.request(), status: 'COMPLETED', options: { freshUntil } });
  };
  const fresh = stored('a fresh result is handed back', FAR);
  unchanged(fresh, 'create', createArguments({ request: 'a', options: { minFreshMs: 1000 } }), 'settled');
  const stale = stored('a stale result is replaced', '1');
  created(stale, { request: 'a' });
  const rejected = stored('a rejected result is replaced once', FAR);
  const options = { rejectFence: fenceOf(rejected) };
  created(rejected, { request: 'a', options });
  unchanged(rejected, 'create', createArguments({ request: 'b', options }), 'joined');
  applied(rejected, { request: 'c', status: 'COMPLETED' });
  unchanged(rejected, 'create', createArguments({ request: 'd', options: { rejectFence: 1 } }), 'settled');
  const again = stored('a replacement without freshUntil takes it away', FAR);
  applied(again, { request: 'x', status: 'COMPLETED', options: { fence: fenceOf(again), replace: 1 } });
  return [fresh, stale, rejected, unchanged(again, 'read', [], 'found')];
}

function retention(): Vector[] {
  const given = { retention: '1001 1002 1003 1004' };
  const kinds = [
    ['COMPLETED', 1001],
    ['FAILED', 1002],
    ['CANCELED', 1003],
  ] as const;
  const list = kinds.flatMap(([status, ms]) => {
    const own = reached(`retention of the flow, ${status}`, 'open', given);
    applied(own, { request: own.request(), status });
    own.redis(['PEXPIRETIME', '<record>'], later(need(own.view).settledAt ?? '', ms));
    const call = reached(`retention of the call, ${status}`, 'open', given);
    applied(call, { request: call.request(), status, options: { retentionMs: 77_000 } });
    return [own, call.redis(['PEXPIRETIME', '<record>'], later(need(call.view).settledAt ?? '', 77_000))];
  });
  const deadline = reached('retention after the deadline', 'open', given);
  return [...list, deadline.redis(['PEXPIRETIME', '<record>'], '<t1+601004>')];
}

function timers(): Vector[] {
  const until = (vector: Vector, end: string): Vector => vector.redis(['PEXPIRETIME', '<timer>'], end);
  const open = reached('the timer of an open flow ends at its deadline', 'open', TIMED);
  const owned = reached('the timer of an owned flow ends with its lease', 'owned', TIMED);
  const none = until(reached('a flow that does not ask for a timer has none', 'owned'), '-2');
  applied(none, { request: none.request(), status: 'COMPLETED' });
  const taken = reached('a timer comes with the owner who asks for it', 'lapsed');
  takenOver(taken, { request: taken.request(), options: { owner: 'b', leaseMs: 1000, timer: 1 } });
  const ends = (['completed', 'failed', 'canceled', 'timed out'] as const).map((state) =>
    until(reached(`the timer of a flow goes when it is ${state}`, state, TIMED), '-2'),
  );
  const superseded = reached('a timer goes when its flow is superseded by one that has none', 'open', TIMED);
  const told = [message('SUPERSEDED', need(superseded.view), '<t2>')];
  created(superseded, { request: superseded.request(), options: { conflict: 'supersede' } }, told);
  const deleted = reached('a timer goes when its flow is deleted', 'completed', TIMED);
  deleted.call('delete', ['d'], (_now, view) => ({ verdict: 'deleted', view: null, shown: need(view) }));
  return [
    until(open, '<t1+600000>'),
    until(owned, '<t1+30000>'),
    until(none, '-2'),
    until(taken, '<t2+1000>'),
    ...ends,
    until(superseded, '-2'),
    until(deleted, '-2'),
  ];
}
