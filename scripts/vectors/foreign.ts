import { OWNER, reached, type State } from './states';
import { Vector } from './vector';

const VERBS: Readonly<Record<string, readonly string[]>> = {
  create: ['me', '1000', '{}', 'owner', OWNER, 'leaseMs', '1000'],
  settle: ['me', 'COMPLETED', 'x', '10'],
  renew: ['1', OWNER, '1000'],
  release: ['me', '1', OWNER],
  read: [],
  delete: ['me'],
};

const TYPES: readonly (readonly [string, readonly string[]])[] = [
  ['a string', ['SET', '<record>', 'x']],
  ['a list', ['RPUSH', '<record>', 'x']],
  ['a set', ['SADD', '<record>', 'x']],
  ['a sorted set', ['ZADD', '<record>', '1', 'x']],
  ['a stream', ['XADD', '<record>', '*', 'a', 'b']],
  ['a hash that is no record', ['HSET', '<record>', 'a', 'b']],
];
const NUMBERS = ['fence', 'origin', 'attempt', 'createdAt', 'deadlineAt'];
const OPTIONAL_NUMBERS = ['leaseUntil', 'maxAttempts', 'settledAt', 'freshUntil'];
const UNREADABLE = ['', 'x', 'nan', 'inf', '-1', '1.5', '0x10', '1e9', ' 1', '99999999999999999'];
const BAD: readonly (readonly [string, readonly string[]])[] = [
  ...[...NUMBERS, ...OPTIONAL_NUMBERS].map((field) => [field, UNREADABLE] as const),
  ['owner', ['', 'two words', 'a\n']],
  ['settledBy', ['', 'two words', 'a\n']],
  ['status', ['', 'pending', 'DONE', 'SUPERSEDED']],
];

/** What may stand under a flow's keys that no script of this version wrote: refused by every verb, and left alone. */
export function foreign(): Vector[] {
  const list: Vector[] = TYPES.map(([what, command]) =>
    all(new Vector(`${what} under the record's key`).redis(command), 'FLOWTYPE'),
  );
  for (const v of ['0', '2', '1.0', '01', ''])
    list.push(all(put(`a record of version "${v}"`, 'v', v), 'FLOWVERSION'));
  for (const field of [...NUMBERS, 'status', 'metadata']) {
    const vector = reached(`a record without ${field}`, 'owned, overdue').redis(['HDEL', '<record>', field]);
    list.push(all(vector, 'FLOWTYPE'));
  }
  for (const [field, values] of BAD) {
    const vector = reached(`a record whose ${field} cannot be read`, 'owned');
    for (const value of values) all(vector.redis(['HSET', '<record>', field, value]), 'FLOWTYPE');
    list.push(vector);
  }
  for (const verb of ['create', 'delete']) {
    const vector = new Vector(`another type under the timer's key, ${verb}`).redis(['RPUSH', '<timer>', 'x']);
    list.push(refuse(vector, verb, 'FLOWTYPE'));
  }
  const vector = reached("another type under the timer's key, create with supersede", 'open');
  vector.redis(['DEL', '<timer>']).redis(['RPUSH', '<timer>', 'x']);
  const args = ['<publish>', 'me', '1000', '{}', 'conflict', 'supersede'];
  return [...list, vector.refused('create', args, 'FLOWTYPE')];
}

function put(name: string, field: string, value: string, state: State = 'owned, overdue'): Vector {
  return reached(name, state).redis(['HSET', '<record>', field, value]);
}

function all(vector: Vector, code: string): Vector {
  for (const verb of Object.keys(VERBS)) refuse(vector, verb, code);
  return vector;
}

function refuse(vector: Vector, verb: string, code: string): Vector {
  return vector.refused(verb, ['<publish>', ...(VERBS[verb] ?? [])], code);
}
