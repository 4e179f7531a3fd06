import type { StoredRecord } from '../../../src/contract/replies.js';
import { Looks } from '../../../src/waiters/looks.js';
import { Watch, type Waiter } from '../../../src/waiters/watch.js';

const NOW = 1_000_000;
const REREAD_MS = 60_000;
/** Its first call is not answered yet: it takes nothing from the reads of others, and waits on. */
const UNBOUND: Waiter = { origin: undefined, boundAt: 0, followsLease: true, end: () => undefined };

function planned(record: Partial<StoredRecord>): { watch: Watch; inMs: number } {
  const looks = new Looks(REREAD_MS, {
    reread: () => undefined,
    giveUp: () => true,
    followHints: () => undefined,
  });
  const watch = new Watch({ type: 't', id: 'a' }, 'flow:{t:a}', looks.due);
  watch.waiters.add(UNBOUND);
  watch.followers++;
  looks.plan(watch, { status: 'PENDING', deadlineAt: NOW + 9_000_000, ...record } as StoredRecord, NOW);
  looks.schedule.close();
  return { watch, inMs: watch.next - performance.now() };
}

it('looks again when the deadline is over, and when the lease is', () => {
  expect(planned({ deadlineAt: NOW + 1_000 }).watch.lease).toBe(Infinity);
  expect(planned({ deadlineAt: NOW + 1_000 }).inMs).toBeLessThanOrEqual(1_005);
  expect(planned({ leaseUntil: NOW + 500 }).inMs).toBeLessThanOrEqual(505);
});

it.each([
  ['a flow that ended long ago', { status: 'COMPLETED', deadlineAt: NOW - 1 }],
  ['one that timed out at this very moment', { status: 'TIMED_OUT', deadlineAt: NOW }],
  ['a lease that lapsed', { leaseUntil: NOW - 1 }],
] as const)(
  'does not look again and again at %s for those whose first call is unanswered',
  (_what, record) => {
    expect(planned(record).inMs).toBeGreaterThan(REREAD_MS / 2);
  },
);
