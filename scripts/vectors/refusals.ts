import { OWNER, reached } from './states';
import { type Vector } from './vector';

const LONG = 'x'.repeat(65);
const NO_TOKEN = ['', LONG, '-', '-a', 'two words', 'a\n', 'a,b', 'é'];
const NO_REQUEST = [...NO_TOKEN, 'timeout', 'owner_lost'];
const NO_NUMBER = ['', 'x', '-1', '1.5', '1e3', '0x10', ' 1', '1 ', 'nan', 'inf', '99999999999999999'];
const NO_MS = [...NO_NUMBER, '0', '315360000001'];
const NO_BYTES = [...NO_NUMBER, '315360000001'];
const NO_FENCE = [...NO_NUMBER, '0', '01', '9007199254740992'];
const NO_PUBLISH = ['', 'publish', 'GET', 'SSUBSCRIBE'];

type Bad = readonly [name: string, good: string, bad: readonly string[]];

/** Good values behind the publish verb, and bad ones for each. */
interface Shape {
  readonly positional: readonly Bad[];
  readonly options: readonly Bad[];
}

export const SHAPES: Readonly<Record<string, Shape>> = {
  create: {
    positional: [
      ['request', 'me', NO_REQUEST],
      ['timeoutMs', '1000', NO_MS],
      ['metadata', '{}', []],
    ],
    options: [
      ['retention', '1 2 3 4', ['', '1', '1 2 3', '1 2 3 4 5', '0 1 1 1', '1 1 1 -1', 'a b c d', '1  2 3 4', '1 2 3 315360000001']], // prettier-ignore
      ['owner', OWNER, NO_TOKEN],
      ['leaseMs', '1000', NO_MS],
      ['maxAttempts', '3', [...NO_NUMBER, '1000001']],
      ['conflict', 'join', ['', 'SUPERSEDE', 'replace']],
      ['reuse', 'COMPLETED', ['completed', 'PENDING', 'COMPLETED FAILED', 'COMPLETED,x']],
      ['minFreshMs', '1000', NO_BYTES],
      ['rejectFence', '1', NO_FENCE],
      ['origin', '1', NO_FENCE],
      ['timer', '1', ['', '0', 'true', '2']],
      ['replyLimit', '10', NO_BYTES],
    ],
  },
  settle: {
    positional: [
      ['request', 'me', NO_REQUEST],
      ['status', 'COMPLETED', ['', 'completed', 'PENDING', 'TIMED_OUT', 'DONE']],
      ['payload', 'x', []],
      ['inlineBytes', '10', NO_BYTES],
    ],
    options: [
      ['fence', '1', NO_FENCE],
      ['freshUntil', '1000', [...NO_NUMBER, '9007199254740992']],
      ['retentionMs', '1000', NO_MS],
      ['replace', '1', ['', '0', 'true', '2']],
      ['replyLimit', '10', NO_BYTES],
      ['ownChannel', 'mine', ['', 'x'.repeat(513)]],
    ],
  },
  renew: {
    positional: [
      ['fence', '1', NO_FENCE],
      ['owner', OWNER, NO_TOKEN],
      ['leaseMs', '1000', NO_MS],
    ],
    options: [],
  },
  release: {
    positional: [
      ['request', 'me', NO_REQUEST],
      ['fence', '1', NO_FENCE],
      ['owner', OWNER, NO_TOKEN],
    ],
    options: [['unbegun', '1', ['', '0', 'true', '2']]],
  },
  read: { positional: [], options: [['replyLimit', '10', NO_BYTES]] },
  delete: {
    positional: [['request', 'me', NO_REQUEST]],
    options: [
      ['fence', '1', NO_FENCE],
      ['statuses', 'PENDING', ['pending', 'PENDING;FAILED', 'ABSENT']],
      ['replyLimit', '10', NO_BYTES],
    ],
  },
};

// What an option needs beside it, so that only the bad value can be what is refused.
const BESIDE: Readonly<Record<string, readonly string[]>> = {
  owner: ['leaseMs', '1000'],
  leaseMs: ['owner', OWNER],
  replace: ['fence', '1'],
};

const TOGETHER: readonly (readonly [string, string, readonly string[]])[] = [
  ['owner without leaseMs', 'create', ['me', '1000', '', 'owner', OWNER]],
  ['leaseMs without owner', 'create', ['me', '1000', '', 'leaseMs', '1000']],
  ['origin with supersede', 'create', ['me', '1000', '', 'origin', '1', 'conflict', 'supersede']],
  ['replace without fence', 'settle', ['me', 'COMPLETED', '', '0', 'replace', '1']],
  ['freshUntil with FAILED', 'settle', ['me', 'FAILED', '', '0', 'freshUntil', '1']],
  ['freshUntil with CANCELED', 'settle', ['me', 'CANCELED', '', '0', 'freshUntil', '1']],
];

/** Every bad argument, on a flow past its deadline: a refusal that wrote anything would write that first. */
export function refusals(): Vector[] {
  const together = TOGETHER.map(([what, verb, args]) =>
    overdue(`${verb} refuses ${what}`).refused(verb, ['<publish>', ...args], 'FLOWARG'),
  );
  return [...Object.entries(SHAPES).flatMap(([verb, shape]) => refusalsOf(verb, shape)), ...together];
}

function overdue(name: string): Vector {
  return reached(name, 'owned, overdue');
}

function refusalsOf(verb: string, { positional, options }: Shape): Vector[] {
  const good = ['<publish>', ...positional.map(([, value]) => value)];
  const list: Vector[] = [];
  const few = overdue(`${verb} refuses too few arguments`);
  for (let count = 0; count < good.length; count++) few.refused(verb, good.slice(0, count), 'FLOWARG');
  const publish = overdue(`${verb} refuses a bad publish`);
  for (const bad of NO_PUBLISH) publish.refused(verb, [bad, ...good.slice(1)], 'FLOWARG');
  list.push(few, publish);
  positional.forEach(([name, , bads], at) => {
    if (bads.length === 0) return;
    const vector = overdue(`${verb} refuses a bad ${name}`);
    for (const bad of bads) vector.refused(verb, good.with(at + 1, bad), 'FLOWARG');
    list.push(vector);
  });
  for (const [name, value, bads] of options) {
    const beside = [...good, ...(BESIDE[name] ?? [])];
    const vector = overdue(`${verb} refuses a bad option ${name}`);
    for (const bad of bads) vector.refused(verb, [...beside, name, bad], 'FLOWARG');
    vector.refused(verb, [...beside, name], 'FLOWARG');
    vector.refused(verb, [...beside, name, value, name, value], 'FLOWARG');
    list.push(vector);
  }
  const more = overdue(`${verb} refuses what it does not know`);
  more.refused(verb, [...good, 'colour', 'red'], 'FLOWARG').refused(verb, [...good, 'more'], 'FLOWARG');
  const keys = overdue(`${verb} refuses another number of keys`);
  for (const wrong of [[], ['<record>', '<timer>', '<timer>']]) keys.refused(verb, good, 'FLOWARG', wrong);
  const others = overdue(`${verb} refuses keys that do not belong together`);
  // The last two would lie in different slots of a cluster, or do.
  for (const timer of ['<record>', '<timer>x', '<record>:TIMER', 'x:<timer>', '{other}:timer'])
    others.refused(verb, good, 'FLOWARG', ['<record>', timer]);
  return [...list, more, keys, others];
}
