import { isDeepStrictEqual } from 'node:util';
import { readRecord } from '../helpers/record.js';
import { until } from '../helpers/until.js';
import { Fleet } from './support/fleet.js';
import type { Replica } from './support/replica.js';

// Nothing but a release explains a takeover within such a lease.
const LONG_LEASE = { leaseMs: 600_000, timeoutMs: 900_000 };
const LEFT = { code: 'Error: the caller left' };

let fleet: Fleet;
let one: Replica;
let two: Replica;
let ids = 0;
let id: string;
beforeAll(async () => {
  fleet = await Fleet.start();
  [one, two] = (await fleet.replicas(2, { flow: LONG_LEASE })) as [Replica, Replica];
});
beforeEach(() => {
  id = `shared-${++ids}`;
});
afterAll(() => fleet.stop());

const listening = async (replica: Replica, waiters = 1): Promise<void> =>
  until('waiters', async () => (await replica.stats()).waiters >= waiters);

const channels = async (): Promise<string[]> => (await fleet.redis.pubsub('CHANNELS', 'flow:{*')) as string[];

describe('a caller of run that aborts', () => {
  it('leaves alone, whether beside the owner or elsewhere, first or last to come', async () => {
    const first = one.run(id, {}, {}, `${id}-first`);
    await one.next('started', { id });
    const stays = one.run(id);
    const last = one.run(id, {}, {}, `${id}-last`);
    const elsewhere = two.run(id, {}, {}, `${id}-elsewhere`);
    const staysElsewhere = two.run(id);
    await listening(two);
    for (const [name, replica, asked] of [
      ['first', one, first],
      ['last', one, last],
      ['elsewhere', two, elsewhere],
    ] as const) {
      await replica.call('abort', `${id}-${name}`);
      expect(await asked).toMatchObject(LEFT);
    }
    await one.call('finish', id);
    const value = `${one.pid}/1`;
    expect(await stays).toMatchObject({ value });
    expect(await staysElsewhere).toMatchObject({ value });
    expect(one.untaken('aborted')).toBe(0);
    expect(await fleet.runs(id)).toBe(1);
  });

  it('and was the last in its process, stops the handler and frees the flow for the other process at once', async () => {
    const asked = ['a', 'b'].map((caller) => one.run(id, {}, {}, `${id}-${caller}`));
    await one.next('started', { id });
    const elsewhere = two.run(id);
    const waits = two.wait(id);
    await listening(two, 2);
    for (const caller of ['a', 'b']) await one.call('abort', `${id}-${caller}`);
    for (const outcome of await Promise.all(asked)) expect(outcome).toMatchObject(LEFT);
    await one.next('aborted', { id });
    await two.next('started', { id, attempt: 2 });
    await two.call('finish', id);
    const value = `${two.pid}/2`;
    expect(await elsewhere).toMatchObject({ value });
    expect(await waits).toMatchObject({ value });
    expect(await fleet.runs(id)).toBe(2);
  });

  it('and was the last anywhere, leaves a flow that the next caller takes up at once', async () => {
    const asked = one.run(id, {}, {}, id);
    await one.next('started', { id });
    await one.call('abort', id);
    expect(await asked).toMatchObject(LEFT);
    await until(
      'the release',
      async () => (await readRecord(fleet.redis, `flow:{job:${id}}`))?.['releasedBy'],
    );
    const again = one.run(id, { takesMs: 0 });
    expect(await again).toMatchObject({ value: `${one.pid}/2` });
  });

  it('and only followed, leaves neither a wait nor a subscription', async () => {
    const asked = one.run(id);
    await one.next('started', { id });
    const follows = two.run(id, {}, {}, id);
    await listening(two);
    await two.call('abort', id);
    expect(await follows).toMatchObject(LEFT);
    expect(await two.stats()).toMatchObject({ waiters: 0, watches: 0 });
    await one.call('finish', id);
    expect(await asked).toMatchObject({ value: `${one.pid}/1` });
    await until('no subscription', async () => (await channels()).length === 0);
  });
});

describe('a waiter that aborts', () => {
  it('leaves alone, and the subscription stays until the last has left', async () => {
    await one.call('create', id);
    const channel = `flow:{job:${id}}`;
    const tokens = ['a', 'b', 'c'].map((name) => `${id}-${name}`);
    const asked = tokens.map((token) => one.wait(id, {}, token));
    const elsewhere = two.wait(id);
    await listening(one, tokens.length);
    await listening(two);
    const subscribers = (): Promise<unknown> => fleet.redis.pubsub('NUMSUB', channel);
    await until('both processes', async () => isDeepStrictEqual(await subscribers(), [channel, 2]));
    await one.call('abort', tokens[0]);
    await one.call('abort', tokens[2]);
    expect(await asked[0]).toMatchObject(LEFT);
    expect(await asked[2]).toMatchObject(LEFT);
    // What is no longer wanted goes in batches: when another flow's channel has gone, this one's would have.
    const { ended } = await one.open(`${id}-other`, {}, `${id}-other`);
    await one.call('abort', `${id}-other`);
    expect(await ended).toMatchObject(LEFT);
    await until('the batch', async () => (await channels()).length === 1);
    expect(await subscribers()).toEqual([channel, 2]);
    await two.complete(id, 'yes');
    expect(await asked[1]).toMatchObject({ value: 'yes' });
    expect(await elsewhere).toMatchObject({ value: 'yes' });
    await until('no subscription', async () => (await channels()).length === 0);
  });

  it('and had opened the flow, leaves it to those who wait for it and to who settles it', async () => {
    const { ended } = await one.open(id, {}, id);
    const elsewhere = two.wait(id);
    await listening(two);
    await one.call('abort', id);
    expect(await ended).toMatchObject(LEFT);
    expect(await one.complete(id, 'still')).toMatchObject({ verdict: 'applied' });
    expect(await elsewhere).toMatchObject({ value: 'still' });
  });
});
