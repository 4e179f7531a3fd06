import { useContract } from './helpers/contract.js';
import {
  createArguments,
  expectUntouched,
  fenceOf,
  OWNED,
  reach,
  settleArguments,
  type State,
} from './helpers/states.js';
import { type Argument, type Verb, VARIANTS } from './helpers/variants.js';

type Event = readonly [Verb, readonly Argument[]];

const MEANWHILE: readonly [string, readonly Event[]][] = [
  ['nothing happened', []],
  ['another joined', [['create', createArguments()]]],
  ['it was completed', [['settle', settleArguments('COMPLETED', 'tokens')]]],
  ['it failed', [['settle', settleArguments('FAILED', 'no')]]],
];

// What a create with supersede finds, and what it answers then.
const SUPERSEDED_STATES: readonly State[] = ['absent', 'open', 'owned', 'lapsed', 'completed', 'failed'];

describe.each(VARIANTS)('a replayed create, by $name', (variant) => {
  const contract = useContract(variant);

  describe.each([
    ['without a lease', {}],
    ['with a lease', OWNED],
    ['with supersede', { conflict: 'supersede' }],
    ['with supersede and a lease', { ...OWNED, conflict: 'supersede' }],
  ])('%s', (_how, options) => {
    it.each(MEANWHILE)('answers created again, with the record as it stands: %s', async (_what, events) => {
      const flow = await reach(contract, 'absent');
      const args = createArguments(options);
      expect((await flow.run('create', args)).verdict).toBe('created');
      for (const [verb, other] of events) await flow.run(verb, other);
      const change = await flow.act('create', args);
      expect(change.verdict).toBe('created');
      expectUntouched(change);
    });

    it('answers created again after its lease ran out, and takes nothing over', async () => {
      const flow = await reach(contract, 'absent');
      const args = createArguments(options);
      await flow.run('create', args);
      await flow.lapse();
      const change = await flow.act('create', args);
      expect(change.verdict).toBe('created');
      expectUntouched(change);
    });

    it('says superseded when another superseded it meanwhile', async () => {
      const flow = await reach(contract, 'absent');
      const args = createArguments(options);
      await flow.run('create', args);
      await flow.run('create', createArguments({ conflict: 'supersede' }));
      const change = await flow.act('create', args);
      expect(change.verdict).toBe('superseded');
      expectUntouched(change);
    });
  });

  it.each(SUPERSEDED_STATES)('that superseded a flow that was %s does so once', async (state) => {
    const flow = await reach(contract, state);
    const args = createArguments({ conflict: 'supersede' });
    await flow.run('create', args);
    const change = await flow.act('create', args);
    expect(change.verdict).toBe('created');
    expectUntouched(change);
  });

  it('with supersede does not disturb the owner who took its lapsed flow over', async () => {
    const flow = await reach(contract, 'absent');
    const args = createArguments({ ...OWNED, conflict: 'supersede' });
    await flow.run('create', args);
    await flow.lapse();
    await flow.run('create', createArguments({ owner: 'owner-2', leaseMs: 1000 }));
    const change = await flow.act('create', args);
    expect(change.verdict).toBe('joined');
    expectUntouched(change);
  });

  it('that joined joins again', async () => {
    const flow = await reach(contract, 'open');
    const args = createArguments();
    for (let times = 0; times < 2; times += 1) {
      const change = await flow.act('create', args);
      expect(change.verdict).toBe('joined');
      expectUntouched(change);
    }
  });

  it('that was handed a settled flow is handed it again', async () => {
    const flow = await reach(contract, 'completed');
    const args = createArguments();
    for (let times = 0; times < 2; times += 1) {
      const change = await flow.act('create', args);
      expect(change.verdict).toBe('settled');
      expectUntouched(change);
    }
  });

  it('that replaced a settled flow says created, not joined', async () => {
    const flow = await reach(contract, 'completed');
    const args = createArguments({ rejectFence: await fenceOf(flow) });
    await flow.run('create', args);
    const change = await flow.act('create', args);
    expect(change.verdict).toBe('created');
    expectUntouched(change);
  });
});
