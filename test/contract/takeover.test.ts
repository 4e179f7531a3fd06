import { useContract } from './helpers/contract.js';
import { type Flow } from './helpers/flow.js';
import {
  createArguments,
  expectUntouched,
  fenceOf,
  LEASE_MS,
  message,
  reach,
  settleArguments,
  TIMED,
  TIMEOUT_MS,
  shown,
} from './helpers/states.js';
import { VARIANTS } from './helpers/variants.js';

const SECOND = { owner: 'owner-2', leaseMs: 20_000 };
const LOST = (attempt: number, most: number) =>
  `{"name":"OwnerLostError","message":"the owner was lost in attempt ${attempt} of ${most}","code":"owner_lost"}`;

async function useUpAttempts(flow: Flow): Promise<void> {
  await flow.run('create', createArguments(SECOND));
  await flow.lapse();
}

describe.each(VARIANTS)('takeover, by $name', (variant) => {
  const contract = useContract(variant);

  it('gives a lapsed flow to the next owner: next attempt, new fence, same origin, nobody told', async () => {
    const flow = await reach(contract, 'lapsed', TIMED);
    const { verdict, now, before, after, messages, record } = await flow.act(
      'create',
      createArguments(SECOND, 'me'),
    );
    const fence = after.record!['fence']!;
    const leaseUntil = String(now + SECOND.leaseMs);
    expect(verdict).toBe('taken_over');
    expect(after.record).toEqual({
      ...before.record,
      ...{ fence, attempt: '2', owner: 'owner-2', leaseUntil, createdBy: 'me' },
      displaced: before.record!['createdBy'],
    });
    expect(Number(fence)).toBeGreaterThan(Number(before.record!['fence']));
    expect(after.recordUntil).toBe(before.recordUntil);
    expect([after.timer, after.timerUntil]).toEqual(['1', now + SECOND.leaseMs]);
    expect(messages).toEqual([]);
    expect(record).toEqual(shown(after.record));
  });

  it('never gives a lease beyond the deadline', async () => {
    const flow = await reach(contract, 'lapsed', TIMED);
    const deadline = (await flow.record())['deadlineAt']!;
    const { after } = await flow.act(
      'create',
      createArguments({ owner: 'owner-2', leaseMs: TIMEOUT_MS + 9999 }),
    );
    expect(after.record).toMatchObject({ leaseUntil: deadline, deadlineAt: deadline });
    expect(after.timerUntil).toBe(Number(deadline));
  });

  it('answers a replay as the first time', async () => {
    const flow = await reach(contract, 'lapsed');
    await flow.run('create', createArguments(SECOND, 'me'));
    const change = await flow.act('create', createArguments(SECOND, 'me'));
    expect(change.verdict).toBe('taken_over');
    expectUntouched(change);
  });

  it('answers a replay as the first time, after the flow was settled', async () => {
    const flow = await reach(contract, 'lapsed');
    await flow.run('create', createArguments(SECOND, 'me'));
    await flow.run('settle', settleArguments('FAILED', 'no'));
    const change = await flow.act('create', createArguments(SECOND, 'me'));
    expect(change.verdict).toBe('taken_over');
    expectUntouched(change);
  });

  it('lets the owner whose flow was taken over join, when its create is replayed', async () => {
    const flow = await reach(contract, 'absent');
    const first = createArguments(SECOND, 'first');
    await flow.run('create', first);
    await flow.lapse();
    await flow.run('create', createArguments({ owner: 'owner-3', leaseMs: LEASE_MS }));
    const change = await flow.act('create', first);
    expect(change.verdict).toBe('joined');
    expectUntouched(change);
  });

  it('of two who find the flow lapsed, lets one take over', async () => {
    const flow = await reach(contract, 'lapsed');
    const verdicts = await Promise.all([1, 2, 3].map(() => flow.run('create', createArguments(SECOND))));
    expect(verdicts.map(({ verdict }) => verdict).sort()).toEqual(['joined', 'joined', 'taken_over']);
  });

  it('goes on without limit when maxAttempts is not given', async () => {
    const flow = await reach(contract, 'lapsed');
    for (const attempt of ['2', '3', '4', '5', '6']) {
      await flow.run('create', createArguments(SECOND));
      expect(await flow.record()).toMatchObject({ attempt, status: 'PENDING' });
      await flow.lapse();
    }
  });

  it.each([1, 2, 5])(
    'with maxAttempts %d, fails the flow as owner_lost instead of one more',
    async (most) => {
      const flow = await reach(contract, 'lapsed', { ...TIMED, maxAttempts: most, retention: '1 4002 3 4' });
      for (let attempt = 2; attempt <= most; attempt += 1) await useUpAttempts(flow);
      const { verdict, now, before, after, messages, record } = await flow.act(
        'create',
        createArguments(SECOND),
      );
      const outcome = {
        status: 'FAILED',
        error: LOST(most, most),
        settledAt: String(now),
        settledBy: 'owner_lost',
      };
      expect(before.record).toMatchObject({ status: 'PENDING', attempt: String(most) });
      expect(verdict).toBe('settled');
      expect(after.record).toEqual({ ...before.record, ...outcome });
      expect(after.recordUntil).toBe(now + 4002);
      expect(after.timer).toBeUndefined();
      expect(messages).toEqual([message('FAILED', before.record!, now, '', 'stored')]);
      expect(record).toEqual(shown(after.record));
    },
  );

  it('takes the limit of the flow, not that of the caller who takes over', async () => {
    const flow = await reach(contract, 'lapsed', { maxAttempts: 1 });
    expect((await flow.run('create', createArguments({ ...SECOND, maxAttempts: 9 }))).verdict).toBe(
      'settled',
    );
    const other = await reach(contract, 'lapsed', { maxAttempts: 2 });
    expect((await other.run('create', createArguments({ ...SECOND, maxAttempts: 1 }))).verdict).toBe(
      'taken_over',
    );
  });

  it.each(['COMPLETED', 'FAILED', ''])(
    'hands owner_lost back whatever the reuse policy says (%s)',
    async (reuse) => {
      const flow = await reach(contract, 'lapsed', { maxAttempts: 1 });
      await flow.run('create', createArguments(SECOND));
      const rejectFence = await fenceOf(flow);
      const change = await flow.act('create', createArguments({ ...SECOND, reuse, rejectFence }));
      expect(change.verdict).toBe('settled');
      expectUntouched(change);
    },
  );

  it('lets supersede, delete and replace end the time of owner_lost', async () => {
    const lost = async () => {
      const flow = await reach(contract, 'lapsed', { maxAttempts: 1 });
      await flow.run('create', createArguments(SECOND));
      return flow;
    };
    const [first, second, third] = [await lost(), await lost(), await lost()];
    expect((await first.run('create', createArguments({ conflict: 'supersede' }))).verdict).toBe('created');
    await second.run('delete', ['deletes']);
    expect((await second.run('create', createArguments(SECOND))).verdict).toBe('created');
    await third.run('settle', settleArguments('FAILED', '', { replace: 1, fence: await fenceOf(third) }));
    expect((await third.run('create', createArguments(SECOND))).verdict).toBe('created');
  });

  it('only the first who finds the attempts used up tells of it', async () => {
    const flow = await reach(contract, 'lapsed', { maxAttempts: 1 });
    await flow.run('create', createArguments(SECOND, 'me'));
    const change = await flow.act('create', createArguments(SECOND, 'me'));
    expect(change.verdict).toBe('settled');
    expectUntouched(change);
  });
});
