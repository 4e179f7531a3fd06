import { useContract } from './helpers/contract.js';
import {
  createArguments,
  expectTimedOut,
  expectUntouched,
  fenceOf,
  message,
  OVERDUE,
  OWNER,
  reach,
  settleArguments,
  TERMINAL,
  TIMED,
  shown,
} from './helpers/states.js';
import { VARIANTS } from './helpers/variants.js';

describe.each(VARIANTS)('release, by $name', (variant) => {
  const contract = useContract(variant);

  it('ends the lease of an owned flow at once and wakes its waiters', async () => {
    const flow = await reach(contract, 'owned', TIMED);
    const change = await flow.act('release', ['me', await fenceOf(flow), OWNER]);
    const { before, after, now } = change;
    expect(change.verdict).toBe('released');
    expect(after.record).toEqual({ ...before.record, leaseUntil: String(now), releasedBy: 'me' });
    expect(after.recordUntil).toBe(before.recordUntil);
    expect([after.timer, after.timerUntil]).toEqual(['1', Number(before.record!['deadlineAt'])]);
    expect(change.messages).toEqual([message('RELEASED', before.record!, now)]);
    expect(change.record).toEqual(shown(after.record));
  });

  it('leaves the flow to whoever takes it over', async () => {
    const flow = await reach(contract, 'owned');
    await flow.run('release', ['me', await fenceOf(flow), OWNER]);
    const next = await flow.run('create', createArguments({ owner: 'owner-2', leaseMs: 1000 }));
    expect(next).toMatchObject({ verdict: 'taken_over', record: { attempt: '2' } });
  });

  it('allows one attempt more when the handler never began', async () => {
    const flow = await contract.flow();
    const lease = { owner: OWNER, leaseMs: 60_000, maxAttempts: 1 };
    await flow.run('create', createArguments(lease));
    const release = ['me', await fenceOf(flow), OWNER, 'unbegun', 1];
    const change = await flow.act('release', release);
    expect(change.after.record).toMatchObject({ maxAttempts: '2', releasedBy: 'me' });
    // Neither a replay nor another request of the same owner adds one.
    await flow.run('release', release);
    await flow.run('release', ['again', await fenceOf(flow), OWNER, 'unbegun', 1]);
    const next = await flow.run('create', createArguments({ ...lease, owner: 'owner-2' }));
    expect(next).toMatchObject({ verdict: 'taken_over', record: { attempt: '2' } });
    await flow.lapse();
    const last = await flow.run('create', createArguments({ ...lease, owner: 'owner-3' }));
    expect(last).toMatchObject({ verdict: 'settled', record: { settledBy: 'owner_lost' } });
  });

  it('adds no attempt where there is no limit', async () => {
    const flow = await reach(contract, 'owned');
    const change = await flow.act('release', ['me', await fenceOf(flow), OWNER, 'unbegun', 1]);
    expect(change.after.record).not.toHaveProperty('maxAttempts');
  });

  it('tells nobody when the lease had run out already', async () => {
    const flow = await reach(contract, 'lapsed');
    const change = await flow.act('release', ['me', await fenceOf(flow), OWNER]);
    expect(change.verdict).toBe('released');
    expectUntouched(change);
  });

  it('finds nothing where nothing stands', async () => {
    const flow = await reach(contract, 'absent');
    const change = await flow.act('release', ['me', 1, OWNER]);
    expect(change.verdict).toBe('not_found');
    expectUntouched(change);
  });

  it('is superseded on a flow that nobody ever owned', async () => {
    const flow = await reach(contract, 'open');
    const change = await flow.act('release', ['me', await fenceOf(flow), OWNER]);
    expect(change.verdict).toBe('superseded');
    expectUntouched(change);
  });

  it.each(['owned', 'lapsed'] as const)('is superseded by another fence or owner: %s', async (state) => {
    const flow = await reach(contract, state);
    const fence = await fenceOf(flow);
    for (const args of [
      [Number(fence) - 1, OWNER],
      [Number(fence) + 1, OWNER],
      [fence, 'owner-2'],
    ]) {
      const change = await flow.act('release', ['me', ...args]);
      expect(change.verdict).toBe('superseded');
      expectUntouched(change);
    }
  });

  it.each(TERMINAL)('says settled of a flow that is %s, and leaves the payload out', async (state) => {
    const flow = await reach(contract, state);
    const change = await flow.act('release', ['me', await fenceOf(flow), OWNER]);
    expect(change.verdict).toBe('settled');
    expectUntouched(change, state === 'completed' ? 'result' : 'error');
  });

  it.each(OVERDUE)('says settled of a flow that is %s, and times it out', async (state) => {
    const flow = await reach(contract, state, TIMED);
    const change = await flow.act('release', ['me', await fenceOf(flow), OWNER]);
    expect(change.verdict).toBe('settled');
    expectTimedOut(change);
    expect(change.record).toEqual(shown(change.after.record));
  });

  it.each([
    ['at once', []],
    ['after the flow was taken over', [['create', createArguments({ owner: 'owner-2', leaseMs: 1000 })]]],
    ['after the flow was settled', [['settle', settleArguments('FAILED', '')]]],
  ] as const)('answers a replay as the first time, and does nothing: %s', async (_when, meanwhile) => {
    const flow = await reach(contract, 'owned');
    const args = ['me', await fenceOf(flow), OWNER];
    await flow.run('release', args);
    for (const [verb, other] of meanwhile) await flow.run(verb, other);
    const change = await flow.act('release', args);
    expect(change.verdict).toBe('released');
    expectUntouched(change);
  });

  it('leaves the lease that the owner took back meanwhile alone, when it is replayed', async () => {
    const flow = await reach(contract, 'owned');
    const args = ['me', await fenceOf(flow), OWNER];
    await flow.run('release', args);
    await flow.run('renew', [...args.slice(1), 45_000]);
    const change = await flow.act('release', args);
    expect(change.verdict).toBe('released');
    expectUntouched(change);
  });
});
