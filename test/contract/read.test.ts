import { useContract } from './helpers/contract.js';
import {
  expectTimedOut,
  expectUntouched,
  OVERDUE,
  PENDING,
  reach,
  TERMINAL,
  TIMED,
  shown,
} from './helpers/states.js';
import { VARIANTS } from './helpers/variants.js';

describe.each(VARIANTS)('read, by $name', (variant) => {
  const contract = useContract(variant);

  it.each([...PENDING, ...TERMINAL])('shows a flow that is %s as it stands', async (state) => {
    const flow = await reach(contract, state);
    const change = await flow.act('read', []);
    expect(change.verdict).toBe('found');
    expectUntouched(change);
  });

  it('finds nothing where nothing stands', async () => {
    const flow = await reach(contract, 'absent');
    const change = await flow.act('read', []);
    expect(change.verdict).toBe('not_found');
    expectUntouched(change);
  });

  it.each(OVERDUE)('shows a flow that is %s as timed out', async (state) => {
    const flow = await reach(contract, state, TIMED);
    const change = await flow.act('read', []);
    expect(change.verdict).toBe('found');
    expectTimedOut(change);
    expect(change.record).toEqual(shown(change.after.record));
  });

  it.each(OVERDUE)('tells only once that a flow that is %s timed out', async (state) => {
    const flow = await reach(contract, state);
    await flow.run('read', []);
    const change = await flow.act('read', []);
    expect(change.record).toMatchObject({ status: 'TIMED_OUT' });
    expectUntouched(change);
  });
});
