import { readRecord } from '../helpers/record.js';
import { until } from '../helpers/until.js';
import type { Tally } from './support/crowd.js';
import { Fleet } from './support/fleet.js';
import type { Outcome } from './support/protocol.js';
import type { Replica } from './support/replica.js';

// Nothing but a release explains a takeover within such a lease.
const LONG_LEASE = { leaseMs: 600_000, timeoutMs: 900_000 };

let fleet: Fleet;
let stays: Replica;
let ids = 0;
let id: string;
beforeAll(async () => {
  fleet = await Fleet.start();
  [stays] = (await fleet.replicas(1, { flow: LONG_LEASE })) as [Replica];
});
beforeEach(() => {
  id = `left-${++ids}`;
});
afterAll(() => fleet.stop());

async function leaver(drainMs?: number): Promise<Replica> {
  const [replica] = await fleet.replicas(1, {
    flow: LONG_LEASE,
    ...(drainMs === undefined ? {} : { drainMs }),
  });
  return replica!;
}

const follows = (replica: Replica, waiters = 1): Promise<void> =>
  until('waiters', async () => (await replica.stats()).waiters >= waiters);

/** Flows that somebody still holds a lease on. */
async function held(prefix: string): Promise<string[]> {
  const keys = await fleet.redis.keys(`flow:{job:${prefix}*}`);
  const now = Number((await fleet.redis.time())[0]) * 1_000;
  const records = await Promise.all(keys.map((key) => readRecord(fleet.redis, key)));
  return keys.filter((_key, at) => {
    const record = records[at];
    return record?.['status'] === 'PENDING' && Number(record['leaseUntil']) > now + 60_000;
  });
}

describe('a process that gets SIGTERM', () => {
  it('finishes what takes no longer than its drain, and ends by itself', async () => {
    const leaves = await leaver(600_000);
    const asked = leaves.run(id);
    await leaves.next('started');
    const elsewhere = stays.run(id);
    await follows(stays);
    leaves.signal('SIGTERM');
    await until('its refusal of new work', async () =>
      leaves.call('get', 'x').then(
        () => false,
        (error: unknown) => String(error).includes('ERR_FLOW_CLOSED'),
      ),
    );
    await leaves.call('finish', id);
    const value = `${leaves.pid}/1`;
    expect(await asked).toMatchObject({ value });
    expect(await elsewhere).toMatchObject({ value });
    expect(await leaves.exited).toEqual([0, null]);
    expect(await fleet.runs(id)).toBe(1);
  });

  it('leaves what takes longer to another process at once, also from a handler that does not heed its signal', async () => {
    const leaves = await leaver(50);
    const deaf = `${id}-deaf`;
    const asked = [leaves.run(id), leaves.run(deaf, { deaf: true })];
    for (const flow of [id, deaf]) await leaves.next('started', { id: flow });
    const elsewhere = [id, deaf].map((flow) => stays.run(flow));
    await follows(stays, 2);
    leaves.signal('SIGTERM');
    for (const flow of [id, deaf]) {
      await leaves.next('aborted', { id: flow, code: 'ERR_FLOW_CLOSED' });
      await stays.next('started', { id: flow, attempt: 2 });
      await stays.call('finish', flow);
    }
    for (const outcome of await Promise.all(asked))
      expect(outcome).toMatchObject({ code: 'ERR_FLOW_CLOSED' });
    for (const outcome of await Promise.all(elsewhere))
      expect(outcome).toMatchObject({ value: `${stays.pid}/2` });
    expect(await leaves.exited).toEqual([0, null]);
  });
});

describe('a process that closes in the middle of everything', () => {
  it('ends each of its calls by an answer or ERR_FLOW_CLOSED, holds no lease, and disturbs nobody', async () => {
    const leaves = await leaver();
    const [other] = (await fleet.replicas(1, { flow: LONG_LEASE })) as [Replica];
    await stays.call('crowd', 'open', id, 0, 500, {});
    const runs: Promise<Outcome>[] = [];
    const work = [0, 1, 2, 3].map((n) =>
      leaves.call<Tally>('crowd', 'openAndTell', `${id}-own-${n}`, 500, `told-${id}`),
    );
    work.push(leaves.call<Tally>('crowd', 'work', 'wait', 500, `told-${id}`));
    for (let n = 0; n < 200; n++) runs.push(leaves.run(`${id}-run-${n}`, { uncounted: true }));
    const completing = other.call('crowd', 'complete', id, 0, 500);
    await leaves.next('started');
    await leaves.call('close');

    for (const outcome of await Promise.all(runs)) expect(outcome).toMatchObject({ code: 'ERR_FLOW_CLOSED' });
    for (const done of work)
      await done.catch((error: unknown) => expect(String(error)).toContain('ERR_FLOW_CLOSED'));
    expect(await held(`${id}-run-`)).toEqual([]);
    await completing;
    expect(await stays.call('crowd', 'until', 500)).toMatchObject({ right: 500, wrong: 0, codes: {} });
    const [taken, ...rest] = (await fleet.redis.keys(`flow:{job:${id}-run-*}`)).map((key) =>
      key.slice(10, -1),
    );
    expect(await stays.run(taken!, { takesMs: 0 })).toHaveProperty('value');
    expect(rest.length).toBeGreaterThan(0);
  });
});

describe('a process that dies', () => {
  it('and had opened flows, leaves them to those who settle and those who wait', async () => {
    const dies = await leaver();
    await dies.open(id);
    const waits = stays.wait(id);
    await follows(stays);
    await dies.kill();
    const [settles] = (await fleet.replicas(1)) as [Replica];
    const later = settles.wait(id);
    await follows(settles);
    expect(await settles.complete(id, 'all the same')).toMatchObject({ verdict: 'applied' });
    expect(await waits).toMatchObject({ value: 'all the same' });
    expect(await later).toMatchObject({ value: 'all the same' });
    expect(await stays.complete(id, 'again')).toMatchObject({ verdict: 'already_settled' });
  });

  it('and waited, leaves no subscription behind', async () => {
    const dies = await leaver();
    await dies.open(id);
    await dies.kill();
    await until('no subscription', async () => {
      const subscribed = await fleet.redis.pubsub('NUMSUB', `flow:{job:${id}}`);
      return Number(subscribed[1]) === 0;
    });
  });
});
