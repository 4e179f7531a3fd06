import type { LeaseVerbs } from '../../../src/broker/lease-verbs.js';
import { Hold } from '../../../src/features/generation-lease/hold.js';
import type { Waiters } from '../../../src/waiters/waiters.js';

it('counts the time of a lease from when it was asked for, not from when the answer was read', () => {
  const scheduled: number[] = [];
  const waiters = { schedule: (_due: unknown, ms: number) => scheduled.push(ms) } as unknown as Waiters;
  const lease = { generation: 0, fence: 1, owner: 'me', leaseUntil: 11_000, advancing: false };
  const reply = { verdict: 'acquired', now: 10_000, lease };
  const verbs = {} as unknown as LeaseVerbs;
  const flow = { type: '@lease', id: 'a' };
  for (const late of [0, 400, 5_000])
    new Hold(verbs, waiters, flow, 'me', reply, performance.now() - late, () => undefined);
  const [first = NaN, second = NaN, third] = scheduled;
  expect(Math.round(first - second)).toBeGreaterThanOrEqual(400);
  expect(first).toBeLessThanOrEqual(1_000);
  expect(third).toBe(0);
});
