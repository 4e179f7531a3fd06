import { useContract } from './helpers/contract.js';
import { type Change } from './helpers/flow.js';
import {
  argumentsFor,
  bring,
  createArguments,
  expectTimedOut,
  expectUntouched,
  fenceOf,
  message,
  OVERDUE,
  PENDING,
  reach,
  settleArguments,
  shown,
  TERMINAL,
  TIMED,
} from './helpers/states.js';
import { VARIANTS } from './helpers/variants.js';

const STATUS = {
  open: 'PENDING',
  owned: 'PENDING',
  lapsed: 'PENDING',
  completed: 'COMPLETED',
  failed: 'FAILED',
  canceled: 'CANCELED',
  'timed out': 'TIMED_OUT',
} as const;
const ALL = 'PENDING,COMPLETED,FAILED,CANCELED,TIMED_OUT';

/** Gone, shown as it was, with a receipt for a minute; waiters are told if there can be any. */
function expectDeleted(change: Change, request: string): void {
  const { before, after, now, messages } = change;
  expect(change.verdict).toBe('deleted');
  expect(change.record).toEqual(shown(before.record));
  const { fence, settledBy } = before.record!;
  const receipt = { fence, deletedBy: request, ...(settledBy !== undefined && { endedBy: settledBy }) };
  const nothing = { record: undefined, timer: undefined, timerUntil: -2 };
  expect(after).toEqual({ ...nothing, receipt, recordUntil: now + 60_000 });
  const pending = before.record!['status'] === 'PENDING';
  expect(messages).toEqual(pending ? [message('DELETED', before.record!, now)] : []);
}

describe.each(VARIANTS)('delete, by $name', (variant) => {
  const contract = useContract(variant);

  it('finds nothing where nothing stands', async () => {
    const flow = await reach(contract, 'absent');
    const change = await flow.act('delete', ['me']);
    expect(change.verdict).toBe('not_found');
    expectUntouched(change);
  });

  describe.each([...PENDING, ...TERMINAL])('of a flow that is %s', (state) => {
    it('takes it away, and its timer', async () => {
      const flow = await reach(contract, state, TIMED);
      expectDeleted(await flow.act('delete', ['me']), 'me');
    });

    it('leaves what no other verb sees', async () => {
      const flow = await reach(contract, state);
      await flow.run('delete', ['me']);
      for (const verb of ['read', 'settle', 'renew', 'release'] as const) {
        const change = await flow.act(verb, argumentsFor(verb, await fenceOf(flow)));
        expect(change.verdict).toBe('not_found');
        expectUntouched(change);
      }
      const change = await flow.act('create', createArguments({ origin: 1 }));
      expect(change.verdict).toBe('not_found');
      expectUntouched(change);
    });

    it('leaves its fence, who deleted it and who ended it to the flow that comes next', async () => {
      const flow = await reach(contract, state);
      const fence = 3_000_000_000_000_000;
      await flow.put({ fence });
      await flow.run('delete', ['me']);
      const { before, after } = await flow.act('create', createArguments());
      const { fence: left, ...names } = before.receipt!;
      expect(left).toBe(String(fence));
      expect(names).toHaveProperty('deletedBy', 'me');
      expect(after.record).toMatchObject({ ...names, fence: String(fence + 1) });
      expect('endedBy' in after.record!).toBe('endedBy' in names);
      expect(after.record).not.toHaveProperty('displaced');
    });

    it('takes it away if it has the fence and a status that are given', async () => {
      const flow = await reach(contract, state);
      const options = ['fence', await fenceOf(flow), 'statuses', STATUS[state]];
      expectDeleted(await flow.act('delete', ['me', ...options]), 'me');
    });

    it('leaves it if it has another fence', async () => {
      const flow = await reach(contract, state);
      for (const by of [-1, 1]) {
        const change = await flow.act('delete', ['me', 'fence', Number(await fenceOf(flow)) + by]);
        expect(change.verdict).toBe('mismatch');
        expectUntouched(change);
      }
    });

    it('leaves it if it has another status', async () => {
      const flow = await reach(contract, state);
      const others = ALL.replace(STATUS[state], '');
      const change = await flow.act('delete', ['me', 'statuses', others]);
      expect(change.verdict).toBe('mismatch');
      expectUntouched(change);
    });

    it('leaves it if it has the status but another fence', async () => {
      const flow = await reach(contract, state);
      const change = await flow.act('delete', ['me', 'statuses', ALL, 'fence', 1]);
      expect(change.verdict).toBe('mismatch');
      expectUntouched(change);
    });

    it('answers a replay as the first time, and does nothing', async () => {
      const flow = await reach(contract, state);
      await flow.run('delete', ['me']);
      const change = await flow.act('delete', ['me']);
      expect(change.verdict).toBe('deleted');
      expectUntouched(change);
    });

    it('finds nothing when another deleted it', async () => {
      const flow = await reach(contract, state);
      await flow.run('delete', ['another']);
      const change = await flow.act('delete', ['me']);
      expect(change.verdict).toBe('not_found');
      expectUntouched(change);
    });
  });

  it.each(OVERDUE)('times out a flow that is %s before it takes it away', async (state) => {
    const flow = await reach(contract, state, TIMED);
    const { verdict, before, after, record, messages } = await flow.act('delete', [
      'me',
      'statuses',
      'TIMED_OUT',
    ]);
    const deadline = before.record!['deadlineAt']!;
    expect(verdict).toBe('deleted');
    expect(record).toMatchObject({ status: 'TIMED_OUT', settledAt: deadline, settledBy: 'timeout' });
    const receipt = { fence: before.record!['fence'], deletedBy: 'me', endedBy: 'timeout' };
    expect(after).toMatchObject({ record: undefined, receipt, timer: undefined });
    expect(messages).toEqual([message('TIMED_OUT', before.record!, deadline)]);
  });

  it.each(OVERDUE)('times out a flow that is %s and leaves it, asked for a pending one', async (state) => {
    const flow = await reach(contract, state, TIMED);
    const change = await flow.act('delete', ['me', 'statuses', 'PENDING']);
    expect(change.verdict).toBe('mismatch');
    expectTimedOut(change);
    expect(change.record).toEqual(shown(change.after.record));
  });

  it.each([
    ['opened', []],
    ['superseded', [['create', createArguments({ conflict: 'supersede' })]]],
    ['completed', [['settle', settleArguments('COMPLETED', '')]]],
    ['replaced', [['settle', settleArguments('FAILED', '')], ['create', createArguments()]]], // prettier-ignore
  ] as const)('never deletes a successor when it is replayed: one that was %s', async (_what, events) => {
    const flow = await reach(contract, 'open');
    await flow.run('delete', ['me']);
    await bring(flow, 'open');
    for (const [verb, args] of events) await flow.run(verb, args);
    const change = await flow.act('delete', ['me']);
    expect(change).toMatchObject({ verdict: 'deleted', record: undefined, messages: [] });
    expect(change.after).toEqual(change.before);
    expect((await flow.act('delete', ['another'])).verdict).toBe('deleted');
  });
});
