import { useContract } from './helpers/contract.js';
import { type Flow } from './helpers/flow.js';
import {
  createArguments,
  expectUntouched,
  fenceOf,
  message,
  OWNED,
  reach,
  settleArguments,
  TERMINAL,
} from './helpers/states.js';
import { VARIANTS } from './helpers/variants.js';

const MINUTE = 60_000;
const POLICIES: readonly [reuse: string, handsBack: readonly string[]][] = [
  ['COMPLETED', ['completed']],
  ['FAILED', ['failed']],
  ['CANCELED', ['canceled']],
  ['TIMED_OUT', ['timed out']],
  ['COMPLETED,FAILED', ['completed', 'failed']],
  ['COMPLETED,FAILED,CANCELED,TIMED_OUT', [...TERMINAL]],
  ['', []],
];

describe.each(VARIANTS)('reuse, by $name', (variant) => {
  const contract = useContract(variant);

  async function completed(options: Record<string, string | number> = {}): Promise<Flow> {
    const flow = await reach(contract, 'open');
    await flow.run('settle', settleArguments('COMPLETED', 'tokens', options));
    return flow;
  }

  describe.each(POLICIES)('of "%s"', (reuse, handsBack) => {
    it.each(TERMINAL)('is as it says for a flow that is %s', async (state) => {
      const flow = await reach(contract, state);
      const change = await flow.act('create', createArguments({ reuse }));
      if (handsBack.includes(state)) {
        expect(change.verdict).toBe('settled');
        expectUntouched(change);
      } else {
        expect(change.verdict).toBe('created');
        expect(change.after.record).toMatchObject({ status: 'PENDING' });
        expect(change.messages).toEqual([]);
      }
    });
  });

  it('hands a completed flow back without end if it has no freshUntil', async () => {
    const flow = await completed();
    expect((await flow.act('create', createArguments({ minFreshMs: 315_360_000_000 }))).verdict).toBe(
      'settled',
    );
  });

  it.each([
    ['fresh for longer than asked', 2 * MINUTE, MINUTE, 'settled'],
    ['not fresh for as long as asked', MINUTE, 2 * MINUTE, 'created'],
    ['fresh for a while, none asked', MINUTE, undefined, 'settled'],
    ['stale, none asked', -1, undefined, 'created'],
  ])('hands a completed flow back while it is fresh: %s', async (_what, freshForMs, minFreshMs, verdict) => {
    const flow = await completed();
    const { now } = await flow.run('read', []);
    await flow.put({ freshUntil: now + freshForMs });
    const change = await flow.act('create', createArguments(minFreshMs === undefined ? {} : { minFreshMs }));
    expect(change.verdict).toBe(verdict);
    if (verdict === 'settled') expectUntouched(change);
    else expect(change.after.record).not.toHaveProperty('freshUntil');
  });

  it('hands a stale flow back to nobody, but a failed one has no freshness', async () => {
    const flow = await completed({ freshUntil: 0 });
    expect((await flow.act('create', createArguments())).verdict).toBe('created');
    const other = await reach(contract, 'failed');
    await other.put({ freshUntil: 0 });
    expect((await other.act('create', createArguments({ reuse: 'FAILED' }))).verdict).toBe('settled');
  });

  it('never hands back the fence that was rejected; those who reject it run one new attempt', async () => {
    const flow = await completed();
    const rejectFence = await fenceOf(flow);
    const all = [1, 2, 3, 4].map(() => flow.run('create', createArguments({ ...OWNED, rejectFence })));
    const verdicts = (await Promise.all(all)).map(({ verdict }) => verdict);
    expect(verdicts).toEqual(['created', 'joined', 'joined', 'joined']);
  });

  it('hands the new answer to one who rejects the old fence late', async () => {
    const flow = await completed();
    const rejectFence = await fenceOf(flow);
    await flow.run('create', createArguments({ rejectFence }));
    await flow.run('settle', settleArguments('COMPLETED', 'better'));
    const change = await flow.act('create', createArguments({ rejectFence }));
    expect(change).toMatchObject({ verdict: 'settled', record: { result: 'better' } });
    expectUntouched(change);
  });

  it('hands back what replaced the rejected fence', async () => {
    const flow = await completed();
    const rejectFence = await fenceOf(flow);
    await flow.run('settle', settleArguments('COMPLETED', 'better', { fence: rejectFence, replace: 1 }));
    expect((await flow.act('create', createArguments({ rejectFence }))).verdict).toBe('settled');
  });

  it('rejects completed flows only', async () => {
    const flow = await reach(contract, 'failed');
    const rejectFence = await fenceOf(flow);
    expect((await flow.act('create', createArguments({ rejectFence, reuse: 'FAILED' }))).verdict).toBe(
      'settled',
    );
    const pending = await reach(contract, 'open');
    const rejected = { rejectFence: await fenceOf(pending) };
    expect((await pending.act('create', createArguments(rejected))).verdict).toBe('joined');
  });

  it('with conflict join, does what it does without', async () => {
    const flow = await reach(contract, 'open');
    const change = await flow.act('create', createArguments({ conflict: 'join' }));
    expect(change.verdict).toBe('joined');
    expectUntouched(change);
  });

  describe('asked for the flow of one origin', () => {
    const LEASE = { owner: 'owner-2', leaseMs: 1000 };
    const joining = (origin: string | number, options = {}) =>
      createArguments({ ...LEASE, ...options, origin });

    it('finds nothing where nothing stands, and opens nothing', async () => {
      const flow = await reach(contract, 'absent');
      const change = await flow.act('create', joining(1));
      expect(change.verdict).toBe('not_found');
      expectUntouched(change);
    });

    it.each(['open', 'owned'] as const)('joins it while it is %s', async (state) => {
      const flow = await reach(contract, state);
      const change = await flow.act('create', joining(await fenceOf(flow)));
      expect(change.verdict).toBe('joined');
      expectUntouched(change);
    });

    it('takes it over when it is lapsed, also from a later owner', async () => {
      const flow = await reach(contract, 'lapsed');
      const origin = await fenceOf(flow);
      expect(await flow.run('create', joining(origin))).toMatchObject({
        verdict: 'taken_over',
        record: { origin },
      });
      await flow.lapse();
      expect(await flow.run('create', joining(origin))).toMatchObject({
        verdict: 'taken_over',
        record: { origin },
      });
    });

    it('fails it as owner_lost when its attempts are used up', async () => {
      const flow = await reach(contract, 'lapsed', { maxAttempts: 1 });
      const change = await flow.act('create', joining(await fenceOf(flow)));
      expect(change).toMatchObject({
        verdict: 'settled',
        record: { status: 'FAILED', settledBy: 'owner_lost' },
      });
      expect(change.messages).toEqual([message('FAILED', change.before.record!, change.now, '', 'stored')]);
    });

    it.each(TERMINAL)('learns how it ended when it is %s, whatever may be reused', async (state) => {
      const flow = await reach(contract, state);
      const fence = await fenceOf(flow);
      const change = await flow.act(
        'create',
        joining(fence, { reuse: '', rejectFence: fence, minFreshMs: 1000 }),
      );
      expect(change.verdict).toBe('settled');
      expectUntouched(change);
    });

    it.each(['open', 'owned', 'lapsed', ...TERMINAL] as const)(
      'is superseded by a flow that is %s',
      async (state) => {
        const flow = await reach(contract, state);
        const change = await flow.act('create', joining(1));
        expect(change.verdict).toBe('superseded');
        expectUntouched(change);
      },
    );
  });
});
