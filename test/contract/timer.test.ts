import { useContract } from './helpers/contract.js';
import { type Flow } from './helpers/flow.js';
import { expectRefused } from './helpers/refusals.js';
import {
  argumentsFor,
  createArguments,
  expectUntouched,
  fenceOf,
  OWNED,
  OWNER,
  type Options,
  reach,
  settleArguments,
  TIMED,
} from './helpers/states.js';
import { VARIANTS, type Verb } from './helpers/variants.js';

const SECOND = { owner: OWNER, leaseMs: 20_000 };

describe.each(VARIANTS)('the timer, by $name', (variant) => {
  const contract = useContract(variant);

  /** Takes a flow through every verb and gives what each answered, and what it left under the timer's key. */
  async function live(flow: Flow, options: Options = {}): Promise<Record<string, 'kept' | 'none'>> {
    const left: Record<string, 'kept' | 'none'> = {};
    const act = async (verb: Verb, args = argumentsFor(verb)): Promise<void> => {
      const { verdict, after } = await flow.act(verb, args);
      left[`${verb}: ${verdict}`] = after.timerUntil === -2 ? 'none' : 'kept';
    };
    await act('create', createArguments({ ...OWNED, ...options }));
    await act('renew', [await fenceOf(flow), OWNER, 1000]);
    await act('release', ['releases', await fenceOf(flow), OWNER]);
    await act('create', createArguments(SECOND));
    await act('read');
    await act('settle');
    await act('delete');
    return left;
  }

  it('need not be named: each verb answers alike with the record’s key alone', async () => {
    const flow = await contract.flow();
    const alone = async (verb: Verb, args = argumentsFor(verb)): Promise<string> =>
      (await flow.raw(verb, [flow.key], [variant.publish, ...args])).verdict;
    expect(await alone('create', createArguments(OWNED))).toBe('created');
    expect(await alone('renew', [await fenceOf(flow), OWNER, 1000])).toBe('renewed');
    expect(await alone('release', ['releases', await fenceOf(flow), OWNER])).toBe('released');
    expect(await alone('create', createArguments(SECOND))).toBe('taken_over');
    expect(await alone('settle')).toBe('applied');
    expect(await alone('read')).toBe('found');
    expect(await alone('delete')).toBe('deleted');
  });

  it('is left to end by itself by those who do not name it', async () => {
    const flow = await reach(contract, 'open', TIMED);
    const { verdict } = await flow.raw('settle', [flow.key], [variant.publish, ...argumentsFor('settle')]);
    const { timerUntil } = await flow.snapshot();
    expect([verdict, timerUntil]).toEqual(['applied', Number((await flow.record())['deadlineAt'])]);
  });

  it('is refused to a takeover where another type stands', async () => {
    const flow = await reach(contract, 'lapsed');
    await contract.client.rpush(flow.timer, 'x');
    const args = [variant.publish, ...createArguments({ ...SECOND, ...TIMED })];
    await expectRefused(flow, 'create', args, 'FLOWTYPE');
  });

  it('is not there for a flow that did not ask for it', async () => {
    expect(await live(await contract.flow())).toEqual({
      'create: created': 'none',
      'renew: renewed': 'none',
      'release: released': 'none',
      'create: taken_over': 'none',
      'read: found': 'none',
      'settle: applied': 'none',
      'delete: deleted': 'none',
    });
  });

  it('is there while a flow that asked for it is pending', async () => {
    expect(await live(await contract.flow(), TIMED)).toEqual({
      'create: created': 'kept',
      'renew: renewed': 'kept',
      'release: released': 'kept',
      'create: taken_over': 'kept',
      'read: found': 'kept',
      'settle: applied': 'none',
      'delete: deleted': 'none',
    });
  });

  it('of a flow that has none is whatever else stands there, and is left alone', async () => {
    const flow = await contract.flow();
    await contract.client.set(flow.timer, 'x');
    expect(Object.values(await live(flow))).not.toContain('none');
    expect(await contract.client.get(flow.timer)).toBe('x');
  });

  it('comes with the owner who asks for it', async () => {
    const flow = await reach(contract, 'lapsed');
    const taken = await flow.act('create', createArguments({ ...SECOND, ...TIMED }));
    expect(taken.before).toMatchObject({ timer: undefined });
    expect(taken.after).toMatchObject({ timer: '1', timerUntil: taken.now + SECOND.leaseMs });
    expect((await flow.act('settle', settleArguments('FAILED', ''))).after.timer).toBeUndefined();
  });

  it('stays as it is when a create joins, whatever that asks for', async () => {
    for (const [kept, asked] of [
      [{}, TIMED],
      [TIMED, {}],
    ] as const) {
      const flow = await reach(contract, 'owned', kept);
      const change = await flow.act('create', createArguments(asked));
      expect(change.verdict).toBe('joined');
      expectUntouched(change);
    }
  });

  it('of a flow that was deleted is not there for the next one, which does not ask for it', async () => {
    const flow = await reach(contract, 'owned', TIMED);
    await flow.run('delete', ['deletes']);
    const { after } = await flow.act('create', createArguments());
    expect(after.timer).toBeUndefined();
    expect(after.record).not.toHaveProperty('timer');
  });
});
