import { setTimeout as delay } from 'node:timers/promises';
import { FlowStateManager } from '../../../src/adapters/librechat.js';
import { editRecord, readRecord } from '../../helpers/record.js';
import { setup } from '../../helpers/setup.js';
import { managed, pair, RETAINED, TYPE } from './bed.js';

const bed = setup();

describe('initFlow', () => {
  it.each([
    ['nothing', async () => undefined],
    ['a pending flow', (manager, id) => manager.initFlow(id, TYPE, { state: 'old' })],
    [
      'a result',
      async (manager, id) => (await manager.initFlow(id, TYPE), manager.completeFlow(id, TYPE, 1)),
    ],
    [
      'a failure',
      async (manager, id) => (await manager.initFlow(id, TYPE), manager.failFlow(id, TYPE, 'no')),
    ],
  ] as const satisfies readonly [string, (manager: FlowStateManager, id: string) => Promise<unknown>][])(
    'stores a pending flow in place of %s',
    async (_what, before) => {
      const { here, there, id } = pair(bed);
      await before(here, id);
      const from = Date.now();
      await here.initFlow(id, TYPE, { state: 'new' });
      const state = await there.getFlowState(id, TYPE);
      expect(state).toEqual({
        type: TYPE,
        status: 'PENDING',
        metadata: { state: 'new' },
        createdAt: state!.createdAt,
        expiresAt: state!.createdAt + 180_000,
      });
      expect(state!.createdAt).toBeGreaterThanOrEqual(from - 1);
    },
  );
});

describe('completeFlow', () => {
  it('is false where none stands', async () => {
    const { here, id } = pair(bed);
    expect(await here.completeFlow(id, TYPE, 1)).toBe(false);
    expect(await here.getFlowState(id, TYPE)).toBeUndefined();
  });

  it('is true for a completed flow, which it leaves as it is', async () => {
    const { here, there, id } = pair(bed);
    await here.initFlow(id, TYPE);
    expect(await here.completeFlow(id, TYPE, 'first')).toBe(true);
    const before = await here.getFlowState(id, TYPE);
    expect(await there.completeFlow(id, TYPE, 'second')).toBe(true);
    expect(await here.getFlowState(id, TYPE)).toEqual(before);
    expect(before).toMatchObject({ status: 'COMPLETED', result: 'first' });
    expect(before!.completedAt).toBeGreaterThanOrEqual(before!.createdAt);
  });

  it('overwrites a failure', async () => {
    const { here, there, id } = pair(bed);
    await here.initFlow(id, TYPE, { state: 's' });
    await here.failFlow(id, TYPE, 'no');
    expect(await there.completeFlow(id, TYPE, 'yes')).toBe(true);
    const state = await here.getFlowState(id, TYPE);
    expect(state).toMatchObject({ status: 'COMPLETED', result: 'yes', metadata: { state: 's' } });
    expect(state).not.toHaveProperty('error');
    expect(await here.createFlow(id, TYPE)).toBe('yes');
  });

  it('overwrites a time-out of a retained type', async () => {
    const { here, there, id } = pair(bed, { monitorTimeout: 50, ttl: 60_000 });
    await here.initFlow(id, RETAINED);
    await expect(there.createFlow(id, RETAINED)).rejects.toThrow(/timed out$/);
    expect(await there.completeFlow(id, RETAINED, 'late')).toBe(true);
    expect(await here.createFlow(id, RETAINED)).toBe('late');
  });

  it('lets one of many at once be the first, and all be true', async () => {
    const { here, there, id } = pair(bed);
    await here.initFlow(id, TYPE);
    const all = Array.from({ length: 20 }, (_none, at) => (at % 2 ? here : there).completeFlow(id, TYPE, at));
    expect(new Set(await Promise.all(all))).toEqual(new Set([true]));
    const result = (await here.getFlowState(id, TYPE))!.result;
    expect(await there.createFlow(id, TYPE)).toBe(result);
  });

  it('lets many at once overwrite one failure once', async () => {
    const { here, there, id } = pair(bed);
    await here.initFlow(id, TYPE);
    await here.failFlow(id, TYPE, 'no');
    const fence = async () => (await readRecord(bed.admin, `flow:{${TYPE}:${id}}`))!['fence'];
    const all = Array.from({ length: 20 }, (_none, at) => (at % 2 ? here : there).completeFlow(id, TYPE, at));
    expect(new Set(await Promise.all(all))).toEqual(new Set([true]));
    const after = await fence();
    await here.completeFlow(id, TYPE, 'more');
    expect(await fence()).toBe(after);
  });

  it('keeps what it stored for ttl', async () => {
    const { here, id } = pair(bed, { ttl: 70_000, monitorTimeout: 50_000 });
    await here.initFlow(id, TYPE);
    await here.completeFlow(id, TYPE, 1);
    const left = await bed.admin.pttl(`flow:{${TYPE}:${id}}`);
    expect(left).toBeGreaterThan(50_000);
    expect(left).toBeLessThanOrEqual(70_000);
  });
});

describe('failFlow', () => {
  it('is false where none stands', async () => {
    const { here, id } = pair(bed);
    expect(await here.failFlow(id, TYPE, 'no')).toBe(false);
  });

  it('is true for a completed flow, which it leaves as it is', async () => {
    const { here, there, id } = pair(bed);
    await here.initFlow(id, TYPE);
    await here.completeFlow(id, TYPE, 'done');
    expect(await there.failFlow(id, TYPE, 'no')).toBe(true);
    expect(await here.getFlowState(id, TYPE)).toMatchObject({ status: 'COMPLETED', result: 'done' });
  });

  it('stores the message and the name of an error, or a string', async () => {
    const { here, there, id } = pair(bed);
    await here.initFlow(id, TYPE);
    expect(await here.failFlow(id, TYPE, new TypeError('bad'))).toBe(true);
    const state = await there.getFlowState(id, TYPE);
    expect(state).toMatchObject({ status: 'FAILED', error: 'bad', errorName: 'TypeError' });
    expect(state!.failedAt).toBeGreaterThanOrEqual(state!.createdAt);
    expect(await there.failFlow(id, TYPE, 'worse')).toBe(true);
    expect(await here.getFlowState(id, TYPE)).toMatchObject({ error: 'worse', errorName: 'Error' });
  });
});

describe('isFlowStale', () => {
  it('is false and 0 where none stands, and for a pending flow', async () => {
    const { here, id } = pair(bed);
    expect(await here.isFlowStale(id, TYPE)).toEqual({ isStale: false, age: 0 });
    await here.initFlow(id, TYPE);
    expect(await here.isFlowStale(id, TYPE, 0)).toEqual({ isStale: false, age: 0, status: 'PENDING' });
  });

  it('compares the age of an ending with the threshold, 10 minutes if none is given', async () => {
    const { here, id } = pair(bed);
    await here.initFlow(id, TYPE);
    await here.completeFlow(id, TYPE, 1);
    expect(await here.isFlowStale(id, TYPE)).toMatchObject({ isStale: false, status: 'COMPLETED' });
    const key = `flow:{${TYPE}:${id}}`;
    await editRecord(bed.admin, key, { settledAt: Date.now() - 601_000 });
    const stale = await here.isFlowStale(id, TYPE);
    expect(stale).toMatchObject({ isStale: true, status: 'COMPLETED' });
    expect(stale.age).toBeGreaterThanOrEqual(601_000);
    expect(await here.isFlowStale(id, TYPE, 900_000)).toMatchObject({ isStale: false });
  });
});

describe('deleteFlow', () => {
  it('is true, whether or not there was one', async () => {
    const { here, there, id } = pair(bed);
    expect(await here.deleteFlow(id, TYPE)).toBe(true);
    await here.initFlow(id, TYPE);
    expect(await there.deleteFlow(id, TYPE)).toBe(true);
    expect(await here.getFlowState(id, TYPE)).toBeUndefined();
  });

  it('is false when Redis refuses', async () => {
    const { here, id } = pair(bed);
    await bed.admin.set(`flow:{${TYPE}:${id}}`, 'something else');
    expect(await here.deleteFlow(id, TYPE)).toBe(false);
  });

  it('is false when Redis cannot be reached, and says so to the logger', async () => {
    const told: string[] = [];
    const log = (message: string) => told.push(message);
    const logger = { debug: log, info: log, warn: log, error: log };
    const broker = bed.broker({ redis: 'redis://127.0.0.1:1', commandTimeoutMs: 50 });
    const manager = new FlowStateManager(broker, { logger });
    expect(await manager.deleteFlow('x', TYPE)).toBe(false);
    expect(told).toContain('a flow could not be deleted');
    await expect(manager.getFlowState('x', TYPE)).rejects.toMatchObject({ code: 'ERR_FLOW_UNAVAILABLE' });
  });
});

describe('a guarded call', () => {
  type Guarded = (manager: FlowStateManager, id: string, createdAt: number, state: string) => Promise<string>;
  const complete: Guarded = (m, id, at, state) => m.completeFlowIfCurrent(id, TYPE, at, state, 'guarded');
  const fail: Guarded = (m, id, at, state) => m.failFlowIfCurrent(id, TYPE, at, state, 'guarded');
  const settle: Guarded = (m, id, at, state) => m.settleFlowIfCurrent(id, TYPE, at, state, 'guarded');
  const remove: Guarded = (m, id, at, state) => m.deleteFlowIfCurrent(id, TYPE, at, state);
  const ALL = { complete, fail, settle, delete: remove };
  const NAMES = Object.keys(ALL) as (keyof typeof ALL)[];

  it.each(NAMES)('is missing where none stands: %s', async (name) => {
    const { here, id } = pair(bed);
    expect(await ALL[name](here, id, 1, '')).toBe('missing');
  });

  it.each(NAMES)(
    'is stale for another attempt, by createdAt or by state, and changes nothing: %s',
    async (name) => {
      const { here, id } = pair(bed);
      await here.initFlow(id, TYPE, { state: 's' });
      const before = (await here.getFlowState(id, TYPE))!;
      for (const [at, state] of [
        [before.createdAt - 1, 's'],
        [before.createdAt, 't'],
        [before.createdAt, ''],
      ] as const)
        expect(await ALL[name](here, id, at, state)).toBe('stale');
      expect(await here.getFlowState(id, TYPE)).toEqual(before);
    },
  );

  it.each(NAMES)('takes a missing state for an empty one: %s', async (name) => {
    const { here, id } = pair(bed);
    await here.initFlow(id, TYPE);
    const { createdAt } = (await here.getFlowState(id, TYPE))!;
    expect(await ALL[name](here, id, createdAt, '')).toBe('updated');
  });

  const OVER: readonly [keyof typeof ALL, 'PENDING' | 'COMPLETED' | 'FAILED', string][] = [
    ['complete', 'PENDING', 'updated'],
    ['complete', 'COMPLETED', 'stale'],
    ['complete', 'FAILED', 'stale'],
    ['fail', 'PENDING', 'updated'],
    ['fail', 'COMPLETED', 'stale'],
    ['fail', 'FAILED', 'updated'],
    ['settle', 'PENDING', 'updated'],
    ['settle', 'COMPLETED', 'updated'],
    ['settle', 'FAILED', 'updated'],
    ['delete', 'PENDING', 'updated'],
    ['delete', 'COMPLETED', 'updated'],
    ['delete', 'FAILED', 'updated'],
  ];
  it.each(OVER)('%s over %s is %s', async (name, status, answer) => {
    const { here, there, id } = pair(bed);
    await here.initFlow(id, TYPE, { state: 's' });
    if (status === 'COMPLETED') await here.completeFlow(id, TYPE, 'before');
    if (status === 'FAILED') await here.failFlow(id, TYPE, 'before');
    const before = (await here.getFlowState(id, TYPE))!;
    expect(await ALL[name](there, id, before.createdAt, 's')).toBe(answer);
    const after = await here.getFlowState(id, TYPE);
    if (answer === 'stale') expect(after).toEqual(before);
    else if (name === 'delete') expect(after).toBeUndefined();
    else if (name === 'fail') expect(after).toMatchObject({ status: 'FAILED', error: 'guarded' });
    else expect(after).toMatchObject({ status: 'COMPLETED', result: 'guarded', createdAt: before.createdAt });
  });

  it('is for the attempt that was seen, not for one that came after', async () => {
    const { here, there, id } = pair(bed);
    await here.initFlow(id, TYPE, { state: 'old' });
    const { createdAt } = (await here.getFlowState(id, TYPE))!;
    await delay(2); // createdAt is all that tells two attempts without state apart
    await there.initFlow(id, TYPE, { state: 'old' });
    for (const name of NAMES) expect(await ALL[name](here, id, createdAt, 'old')).toBe('stale');
    expect(await there.getFlowState(id, TYPE)).toMatchObject({ status: 'PENDING' });
  });

  it('counts once, whoever else settles the same attempt at the same time', async () => {
    const { here, there, id } = pair(bed);
    await here.initFlow(id, TYPE, { state: 's' });
    const { createdAt } = (await here.getFlowState(id, TYPE))!;
    const all = Array.from({ length: 20 }, (_none, at) =>
      complete(at % 2 ? here : there, id, createdAt, 's'),
    );
    const answers = await Promise.all(all);
    expect(answers.filter((answer) => answer === 'updated')).toHaveLength(1);
    expect(answers.filter((answer) => answer === 'stale')).toHaveLength(19);
  });
});

describe('a lease', () => {
  it('has one holder, whose release wakes who waits', async () => {
    const { here, there, id } = pair(bed);
    const first = await here.acquireLease(id);
    expect(first).toMatchObject({ generation: 0 });
    expect(await there.acquireLease(id, { waitMs: 0 })).toBeNull();
    const waiting = there.acquireLease(id);
    await first!.release();
    await (await waiting)!.release();
  });

  it('refuses what began in an older generation', async () => {
    const { here, there, id } = pair(bed);
    const known = await here.getLeaseGeneration(id);
    expect(known).toBe(0);
    const teardown = await there.acquireLease(id, { advanceGeneration: true });
    expect(await here.getLeaseGeneration(id)).toBeNull();
    expect(await here.acquireLease(id, { expectedGeneration: known! })).toBeNull();
    await teardown!.release();
    expect(await here.getLeaseGeneration(id)).toBe(1);
    expect(await here.acquireLease(id, { expectedGeneration: known! })).toBeNull();
    const hold = await here.acquireLease(id, { expectedGeneration: 1 });
    expect(hold).toMatchObject({ generation: 1 });
    await hold!.release();
    expect(await bed.admin.pttl(`flow:{@lease:${id}}`)).toBeGreaterThan(86_000_000);
  });
});

it('stores what Keyv would, in its form', async () => {
  const { here, there, id } = pair(bed);
  const at = new Date(0);
  await here.initFlow(id, TYPE, { at, none: undefined, nested: { list: [1, at] } });
  expect(await there.getFlowState(id, TYPE)).toMatchObject({
    metadata: { at: at.toISOString(), nested: { list: [1, at.toISOString()] } },
  });
});

it('lives beside other managers on one broker', async () => {
  const { broker } = managed(bed);
  const [one, two] = [new FlowStateManager(broker), new FlowStateManager(broker, { ttl: 1000 })];
  const id = bed.id();
  await one.initFlow(id, TYPE);
  expect(await two.completeFlow(id, TYPE, 1)).toBe(true);
  expect(await one.createFlow(id, TYPE)).toBe(1);
});
