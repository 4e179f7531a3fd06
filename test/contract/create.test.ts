import { useContract } from './helpers/contract.js';
import { type Change } from './helpers/flow.js';
import {
  createArguments,
  expectTimedOut,
  expectUntouched,
  fenceOf,
  LEASE_MS,
  message,
  METADATA,
  type Options,
  OVERDUE,
  OWNED,
  OWNER,
  PENDING,
  reach,
  TERMINAL,
  TIMED,
  TIMEOUT_MS,
  shown,
} from './helpers/states.js';
import { VARIANTS } from './helpers/variants.js';

/** A new flow stands there: who opened it, whether it is owned and has a timer, and for how long Redis keeps it. */
function expectCreated(change: Change, request: string, options: Options, timedOutMs = 60_000): void {
  const owned = 'owner' in options;
  const { before, after, now, record } = change;
  const fence = after.record!['fence']!;
  const deadline = now + TIMEOUT_MS;
  expect(change.verdict).toBe('created');
  expect(after.record).toMatchObject({
    v: '1',
    status: 'PENDING',
    origin: fence,
    attempt: owned ? '1' : '0',
    createdAt: String(now),
    deadlineAt: String(deadline),
    createdBy: request,
    metadata: METADATA,
    ...(owned && { owner: OWNER, leaseUntil: String(now + LEASE_MS) }),
  });
  for (const field of ['settledAt', 'settledBy', 'result', 'error', 'freshUntil', 'releasedBy'])
    expect(after.record).not.toHaveProperty(field);
  if (!owned) expect(after.record).not.toHaveProperty('leaseUntil');
  expect(Number(fence)).toBeGreaterThan(Number(before.record?.['fence'] ?? 0));
  expect(Math.floor(Number(fence) / 1000)).toBe(now);
  expect(after.recordUntil).toBe(deadline + timedOutMs);
  const timer = { timer: '1', timerUntil: owned ? now + LEASE_MS : deadline };
  expect(after).toMatchObject('timer' in options ? timer : { timer: undefined, timerUntil: -2 });
  expect(record).toEqual(shown(after.record));
}

describe.each(VARIANTS)('create, by $name', (variant) => {
  const contract = useContract(variant);

  describe.each([
    // What stands there has a timer, or has none, where the new flow is to have the same or the other.
    { caller: 'without a lease', options: {}, owned: false, old: TIMED },
    { caller: 'with a lease', options: OWNED, owned: true, old: {} },
    { caller: 'with a timer', options: TIMED, owned: false, old: {} },
    { caller: 'with a lease and a timer', options: { ...OWNED, ...TIMED }, owned: true, old: TIMED },
    { caller: 'with a lease where there was a timer', options: OWNED, owned: true, old: TIMED },
  ])('$caller', ({ options, owned, old }) => {
    it('opens a flow where nothing stands', async () => {
      const flow = await reach(contract, 'absent');
      const change = await flow.act('create', createArguments(options, 'me'));
      expectCreated(change, 'me', options);
      expect(change.messages).toEqual([]);
    });

    it.each(owned ? (['open', 'owned'] as const) : PENDING)('joins a flow that is %s', async (state) => {
      const flow = await reach(contract, state, old);
      const change = await flow.act('create', createArguments(options));
      expect(change.verdict).toBe('joined');
      expectUntouched(change);
    });

    it('hands back a flow that is completed', async () => {
      const flow = await reach(contract, 'completed', old);
      const change = await flow.act('create', createArguments(options));
      expect(change.verdict).toBe('settled');
      expectUntouched(change);
    });

    it.each(['failed', 'canceled', 'timed out'] as const)('replaces a flow that is %s', async (state) => {
      const flow = await reach(contract, state, old);
      const change = await flow.act('create', createArguments(options, 'me'));
      expectCreated(change, 'me', options);
      expect(change.messages).toEqual([]);
    });

    it.each(PENDING)('with supersede, replaces a flow that is %s and tells its waiters', async (state) => {
      const flow = await reach(contract, state, old);
      const change = await flow.act('create', createArguments({ ...options, conflict: 'supersede' }, 'me'));
      expectCreated(change, 'me', options);
      expect(change.messages).toEqual([message('SUPERSEDED', change.before.record!, change.now)]);
    });

    it.each(TERMINAL)('with supersede, replaces a flow that is %s', async (state) => {
      const flow = await reach(contract, state, old);
      const change = await flow.act('create', createArguments({ ...options, conflict: 'supersede' }, 'me'));
      expectCreated(change, 'me', options);
      expect(change.messages).toEqual([]);
    });

    it('with supersede, opens a flow where nothing stands', async () => {
      const flow = await reach(contract, 'absent');
      const change = await flow.act('create', createArguments({ ...options, conflict: 'supersede' }, 'me'));
      expectCreated(change, 'me', options);
    });

    it.each(OVERDUE)('replaces a flow that is %s, after telling that it timed out', async (state) => {
      const flow = await reach(contract, state, old);
      const change = await flow.act('create', createArguments(options, 'me'));
      const { before } = change;
      expectCreated(change, 'me', options);
      expect(change.messages).toEqual([message('TIMED_OUT', before.record!, before.record!['deadlineAt']!)]);
    });

    it.each(OVERDUE)('hands back a flow that is %s as timed out, if it may be reused', async (state) => {
      const flow = await reach(contract, state, old);
      const change = await flow.act('create', createArguments({ ...options, reuse: 'TIMED_OUT' }));
      expect(change.verdict).toBe('settled');
      expectTimedOut(change);
      expect(change.record).toEqual(shown(change.after.record));
    });

    it.each(OVERDUE)('with supersede, times out a flow that is %s and replaces it', async (state) => {
      const flow = await reach(contract, state, old);
      const change = await flow.act('create', createArguments({ ...options, conflict: 'supersede' }, 'me'));
      const { before } = change;
      expectCreated(change, 'me', options);
      expect(change.messages).toEqual([message('TIMED_OUT', before.record!, before.record!['deadlineAt']!)]);
    });

    it('keeps a pending flow until its deadline and as long as a timed-out one is kept', async () => {
      const flow = await reach(contract, 'absent');
      const retention = '1001 1002 1003 1004';
      const change = await flow.act(
        'create',
        createArguments({ ...options, retention, maxAttempts: 3 }, 'me'),
      );
      expectCreated(change, 'me', options, 1004);
      expect(change.after.record).toMatchObject({
        retention: retention.replaceAll(' ', ','),
        maxAttempts: '3',
      });
    });

    it('writes neither retention nor maxAttempts when they are the defaults', async () => {
      const flow = await reach(contract, 'absent');
      const { after } = await flow.act('create', createArguments({ ...options, maxAttempts: 0 }));
      expect(after.record).not.toHaveProperty('retention');
      expect(after.record).not.toHaveProperty('maxAttempts');
    });
  });

  it('never gives a lease beyond the deadline', async () => {
    const flow = await reach(contract, 'absent');
    const { after } = await flow.act('create', ['me', 500, '', 'owner', OWNER, 'leaseMs', 501, 'timer', 1]);
    expect(after.record!['leaseUntil']).toBe(after.record!['deadlineAt']);
    expect(after.timerUntil).toBe(Number(after.record!['deadlineAt']));
  });

  it('leaves nothing of the old flow in the one that replaces it', async () => {
    const flow = await reach(contract, 'owned', { ...TIMED, maxAttempts: 2, retention: '9 9 9 9' });
    const fence = await fenceOf(flow);
    await flow.run('release', ['released', fence, OWNER]);
    const { after } = await flow.act('create', createArguments({ conflict: 'supersede' }));
    expect(Object.keys(after.record!).sort()).toEqual(
      // prettier-ignore
      ['attempt', 'createdAt', 'createdBy', 'deadlineAt', 'displaced', 'fence', 'metadata', 'origin', 'status', 'v'],
    );
  });
});
