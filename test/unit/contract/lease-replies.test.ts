import { parseLeaseReply } from '../../../src/contract/lease-replies.js';
import {
  checkType,
  flowOfKey,
  hintChannelOf,
  isLease,
  keysOf,
  leaseName,
} from '../../../src/contract/keys.js';

const reply = (...parts: string[]): Buffer[] => parts.map((part) => Buffer.from(part));

it('reads a lease that is held, and one that is free', () => {
  expect(parseLeaseReply(reply('acquired', '1 5 7 12 99 me 1'))).toEqual({
    verdict: 'acquired',
    now: 5,
    lease: { generation: 7, fence: 12, leaseUntil: 99, owner: 'me', advancing: true },
  });
  expect(parseLeaseReply(reply('not_found', '1 5 0 0 - - -')).lease).toEqual({
    generation: 0,
    fence: 0,
    leaseUntil: undefined,
    owner: undefined,
    advancing: false,
  });
});

it.each([[reply()], [reply('held')], ['held'], [undefined]])('refuses %p', (given) => {
  expect(() => parseLeaseReply(given)).toThrow(/no verdict and head/);
});

it('refuses a version that it does not know', () => {
  expect(() => parseLeaseReply(reply('held', '2 5 7 12 99 me 1'))).toThrow(/unknown version 2/);
});

it('has keys that no flow can have', () => {
  const name = leaseName('user:1');
  const keys = keysOf('flow', name);
  expect(keys).toEqual({ record: 'flow:{@lease:user:1}', timer: 'flow:{@lease:user:1}:timer' });
  expect(hintChannelOf(0, keys)).toBe('__keyspace@0__:flow:{@lease:user:1}:timer');
  expect(flowOfKey('flow', keys.record)).toBeUndefined();
  expect(() => checkType(name.type)).toThrow(/type must be/);
  expect(isLease(name)).toBe(true);
  expect(isLease({ type: 'lease', id: 'user:1' })).toBe(false);
});

it.each(['', 'x'.repeat(513), 'a\nb', '\ud800', 7, undefined])('refuses the name %p', (name) => {
  expect(() => leaseName(name)).toThrow(/^name of a lease must /);
});
