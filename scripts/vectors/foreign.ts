import { METADATA, OWNER, reached, type State } from './states';
import { edit, Vector } from './vector';

const VERBS: Readonly<Record<string, readonly string[]>> = {
  create: ['me', '1000', '{}', 'owner', OWNER, 'leaseMs', '1000'],
  settle: ['me', 'COMPLETED', 'x', '10'],
  renew: ['1', OWNER, '1000'],
  release: ['me', '1', OWNER],
  read: [],
  delete: ['me'],
};

const TYPES: readonly (readonly [string, readonly string[]])[] = [
  ['an empty string', ['SET', '<record>', '']],
  ['a string', ['SET', '<record>', 'x']],
  ['a record that was cut', ['SET', '<record>', '1 2 PENDING 7 7 0 7 7 - - - - - r1\n{}']],
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
  for (const v of ['0', '2', '01', '10'])
    list.push(all(put(`a record of version "${v}"`, 'v', v), 'FLOWVERSION'));
  for (const v of ['1.0', '-1', '']) list.push(all(put(`a record of version "${v}"`, 'v', v), 'FLOWTYPE'));
  for (const field of [...NUMBERS, 'status'])
    list.push(all(put(`a record without ${field}`, field, '-'), 'FLOWTYPE'));
  const bytes = Buffer.byteLength(METADATA);
  for (const wrong of [0, bytes - 1, bytes + 1, 10 ** 17])
    list.push(all(put(`a record whose metadata has not ${wrong} bytes`, 'bytes', String(wrong)), 'FLOWTYPE'));
  for (const [field, values] of BAD) {
    for (const value of values) {
      const name = `a record whose ${field} is ${JSON.stringify(value)}`;
      // What few records have stands behind the first line's last word.
      const vector =
        field === 'maxAttempts'
          ? put(name, 'createdBy', `r1 maxAttempts=${value}`, 'owned')
          : put(name, field, value, 'owned');
      list.push(all(vector, 'FLOWTYPE'));
    }
  }
  for (const conflict of ['join', 'supersede']) {
    const what = `another type under the timer's key, create with a timer and conflict ${conflict}`;
    const vector = reached(what, conflict === 'join' ? 'absent' : 'open').redis(['RPUSH', '<timer>', 'x']);
    const args = ['<publish>', 'me', '1000', '{}', 'timer', '1', 'conflict', conflict];
    list.push(vector.refused('create', args, 'FLOWTYPE'));
  }
  return list;
}

function put(name: string, field: string, value: string, state: State = 'owned, overdue'): Vector {
  return reached(name, state).redis(edit(field, value));
}

function all(vector: Vector, code: string): Vector {
  for (const [verb, args] of Object.entries(VERBS)) vector.refused(verb, ['<publish>', ...args], code);
  return vector;
}
