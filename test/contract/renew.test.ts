import { useContract } from './helpers/contract.js';
import {
  createArguments,
  expectTimedOut,
  expectUntouched,
  fenceOf,
  OVERDUE,
  OWNER,
  reach,
  shown,
  TERMINAL,
  TIMED,
} from './helpers/states.js';
import { VARIANTS } from './helpers/variants.js';

describe.each(VARIANTS)('renew, by $name', (variant) => {
  const contract = useContract(variant);

  it.each(['owned', 'lapsed'] as const)('extends the lease of a flow that is %s', async (state) => {
    const flow = await reach(contract, state, TIMED);
    const change = await flow.act('renew', [await fenceOf(flow), OWNER, 45_000]);
    const { before, after, now } = change;
    expect(change.verdict).toBe('renewed');
    expect(after.record).toEqual({ ...before.record, leaseUntil: String(now + 45_000) });
    expect(after.recordUntil).toBe(before.recordUntil);
    expect([after.timer, after.timerUntil]).toEqual(['1', now + 45_000]);
    expect(change.messages).toEqual([]);
    expect(change.record).toEqual(shown(after.record));
  });

  it('may shorten a lease', async () => {
    const flow = await reach(contract, 'owned');
    const { after, now } = await flow.act('renew', [await fenceOf(flow), OWNER, 20_000]);
    expect(after.record!['leaseUntil']).toBe(String(now + 20_000));
  });

  it('never extends a lease beyond the deadline', async () => {
    const flow = await reach(contract, 'owned', TIMED);
    const { after } = await flow.act('renew', [await fenceOf(flow), OWNER, 700_000]);
    expect(after.record!['leaseUntil']).toBe(after.record!['deadlineAt']);
    expect(after.timerUntil).toBe(Number(after.record!['deadlineAt']));
  });

  it('finds nothing where nothing stands', async () => {
    const flow = await reach(contract, 'absent');
    const change = await flow.act('renew', [1, OWNER, 1000]);
    expect(change.verdict).toBe('not_found');
    expectUntouched(change);
  });

  it('is superseded on a flow that nobody ever owned', async () => {
    const flow = await reach(contract, 'open');
    const change = await flow.act('renew', [await fenceOf(flow), OWNER, 1000]);
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
      const change = await flow.act('renew', [...args, 1000]);
      expect(change.verdict).toBe('superseded');
      expectUntouched(change);
    }
  });

  it('is superseded when the flow was taken over', async () => {
    const flow = await reach(contract, 'lapsed');
    const fence = await fenceOf(flow);
    await flow.run('create', createArguments({ owner: 'owner-2', leaseMs: 1000 }));
    const change = await flow.act('renew', [fence, OWNER, 1000]);
    expect(change.verdict).toBe('superseded');
    expectUntouched(change);
  });

  it.each(TERMINAL)('says settled of a flow that is %s, and leaves the payload out', async (state) => {
    const flow = await reach(contract, state);
    const change = await flow.act('renew', [await fenceOf(flow), OWNER, 1000]);
    expect(change.verdict).toBe('settled');
    expectUntouched(change, state === 'completed' ? 'result' : 'error');
  });

  it.each(OVERDUE)('says settled of a flow that is %s, and times it out', async (state) => {
    const flow = await reach(contract, state, TIMED);
    const change = await flow.act('renew', [await fenceOf(flow), OWNER, 1000]);
    expect(change.verdict).toBe('settled');
    expectTimedOut(change);
    expect(change.record).toEqual(shown(change.after.record));
  });

  it('renews again when it is replayed', async () => {
    const flow = await reach(contract, 'owned');
    const args = [await fenceOf(flow), OWNER, 45_000];
    await flow.run('renew', args);
    expect((await flow.act('renew', args)).verdict).toBe('renewed');
  });

  it('keeps a renewed flow from being taken over', async () => {
    const flow = await reach(contract, 'lapsed');
    await flow.run('renew', [await fenceOf(flow), OWNER, 45_000]);
    expect((await flow.run('create', createArguments({ owner: 'o', leaseMs: 1 }))).verdict).toBe('joined');
  });
});
