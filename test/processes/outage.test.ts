import { readRecord } from '../helpers/record.js';
import { until } from '../helpers/until.js';
import { figure } from './support/figure.js';
import { Fleet } from './support/fleet.js';
import type { Outcome } from './support/protocol.js';
import type { Replica } from './support/replica.js';
import type { Tally } from './support/crowd.js';

// A dead server is noticed by its waiters' own clocks: deadlines are short enough to be lived through.
const TIMEOUT_MS = 3_000;
const GRACE_MS = 1_000;
const COUNT = 400;

let fleet: Fleet;
let one: Replica;
let two: Replica;
let deadlineAt = 0;
beforeEach(async () => {
  fleet = await Fleet.start();
  const config = {
    flow: { timeoutMs: TIMEOUT_MS },
    broker: { pollMs: 200, heartbeatMs: 500, commandTimeoutMs: 1_000 },
  };
  [one, two] = (await fleet.replicas(2, config)) as [Replica, Replica];
});
afterEach(() => fleet.stop());

async function storedDeadline(id: string): Promise<number> {
  return Number((await readRecord(fleet.redis, `flow:{job:${id}}`))?.['deadlineAt']);
}

interface Ends {
  readonly opened: Tally;
  readonly waited: Tally;
  readonly owner: Outcome;
  readonly follower: Outcome;
}

/** Waits of every kind, in two processes, under way when this resolves; how they end when `ends` is called. */
async function everyKind(): Promise<() => Promise<Ends>> {
  const owner = one.run('run', { uncounted: true });
  await one.next('started');
  const follower = two.run('run', { uncounted: true });
  await one.call('crowd', 'open', 'flow', 0, COUNT, {});
  deadlineAt = await storedDeadline(`flow-${COUNT - 1}`);
  await two.call('crowd', 'wait', 'flow', 0, COUNT, deadlineAt);
  await until('all waits, subscribed', async () => {
    const [{ subscriptions }, channels] = await Promise.all([
      two.stats(),
      fleet.redis.pubsub('NUMSUB', `flow:{job:flow-${COUNT - 1}}`, 'flow:{job:run}'),
    ]);
    return subscriptions > COUNT && channels[1] === 2 && Number(channels[3]) > 0;
  });
  // What was read before these, over either connection, was answered before these.
  await Promise.all([two.wait('absent'), two.call('get', 'absent')]);
  return async () => ({
    opened: await one.call('crowd', 'until', COUNT),
    waited: await two.call('crowd', 'until', COUNT),
    owner: await owner,
    follower: await follower,
  });
}

function expectInTime({ opened, waited, owner, follower }: Ends, codes: readonly string[]): void {
  for (const tally of [opened, waited]) {
    expect(codes).toEqual(expect.arrayContaining(Object.keys(tally.codes)));
    expect(tally.wrong).toBe(0);
    expect(tally.lateMs).toBeLessThan(GRACE_MS + tally.lagMs);
  }
  // Runs began before the flows whose deadline is the last.
  for (const outcome of [owner, follower]) {
    expect(codes).toContain(outcome.code);
    expect(outcome.endedAt - deadlineAt).toBeLessThan(GRACE_MS + Math.max(opened.lagMs, waited.lagMs));
  }
}

describe('a server that is killed with -9 while processes wait', () => {
  it('and restarted empty: every wait ends at once, since its flow is gone', async () => {
    const ends = await everyKind();
    await fleet.server.restart();
    const restartedAt = Date.now();
    const ended = await ends();
    expectInTime(ended, ['ERR_FLOW_DELETED']);
    const { opened, waited } = ended;
    expect(Math.max(opened.lateMs, waited.lateMs)).toBeLessThan(0);
    figure(
      `server restarted empty: ${COUNT * 2} waits ended ${Math.max(opened.lastAt, waited.lastAt) - restartedAt} ms after it answered`,
    );
    const again = two.wait('next');
    expect(await again).toMatchObject({ code: 'ERR_FLOW_NOT_FOUND' });
    const next = await one.open('next');
    await two.complete('next', 'works');
    expect(await next.ended).toMatchObject({ value: 'works' });
  });

  it('and stays dead: every wait ends with its deadline, since nobody can be asked', async () => {
    const ends = await everyKind();
    await fleet.server.kill();
    const ended = await ends();
    expectInTime(ended, ['ERR_FLOW_UNAVAILABLE']);
    figure(
      `server dead: the last wait ended ${Math.max(ended.opened.lateMs, ended.waited.lateMs)} ms after its deadline (aim: 1000)`,
    );
    for (const replica of [one, two]) expect(await replica.leave()).toBe(0);
  });

  it('and stays dead when a handler is done: its caller does not wait past the deadline either', async () => {
    const asked = one.run('done', { uncounted: true }, { leaseMs: 60_000 });
    await one.next('started');
    deadlineAt = await storedDeadline('done');
    await fleet.server.kill();
    await one.call('finish', 'done');
    const { code, endedAt } = await asked;
    expect(code).toBe('ERR_FLOW_UNAVAILABLE');
    expect(endedAt - deadlineAt).toBeLessThan(GRACE_MS);
  });
});

describe('a server that is frozen for a while', () => {
  it('and goes on in time: waits go on, and end as they should', async () => {
    const { ended } = await one.open('frozen', { timeoutMs: 60_000 });
    const waited = two.wait('frozen');
    await until('the wait, subscribed', async () => {
      const subscribed = await fleet.redis.pubsub('NUMSUB', 'flow:{job:frozen}');
      return subscribed[1] === 2;
    });
    await fleet.server.pause();
    await until('both to notice', async () => {
      const stats = await Promise.all([one.stats(), two.stats()]);
      return stats.every(({ listening }) => !listening);
    });
    await fleet.server.resume();
    await one.complete('frozen', 'thawed');
    expect(await ended).toMatchObject({ value: 'thawed' });
    expect(await waited).toMatchObject({ value: 'thawed' });
    for (const replica of [one, two]) await replica.open('more', { timeoutMs: 60_000 });
    await until('both to listen', async () => {
      const stats = await Promise.all([one.stats(), two.stats()]);
      return stats.every(({ listening }) => listening);
    });
  });

  it('and past the deadline of an owner too busy to look: it ends once, whatever is due at the same time', async () => {
    const asked = one.run('busy', { deaf: true });
    await one.next('started');
    const stored = await storedDeadline('busy');
    await until('the owner to listen', async () => (await one.stats()).waiters === 1);
    await fleet.server.pause();
    const blocked = one.call('block', stored + 500, stored + 950);
    expect(await asked).toMatchObject({ code: 'ERR_FLOW_UNAVAILABLE' });
    await blocked;
    await fleet.server.resume();
    expect(await one.call('get', 'busy')).toMatchObject({ status: 'TIMED_OUT' });
  });

  it('and past the deadlines: every wait ends with its deadline all the same', async () => {
    const ends = await everyKind();
    await fleet.server.pause();
    expectInTime(await ends(), ['ERR_FLOW_UNAVAILABLE']);
    await fleet.server.resume();
    expect(await one.call('get', 'flow-0')).toMatchObject({ status: 'TIMED_OUT' });
  });
});

it('reads a large result again when the server refused the first time, though wake-ups arrive', async () => {
  const rules = (...more: string[]): Promise<unknown> =>
    fleet.redis.call(
      'ACL',
      'SETUSER',
      'reader',
      'reset',
      'on',
      '>secret',
      '~*',
      'allchannels',
      '+@all',
      ...more,
    );
  await rules();
  const url = fleet.server.url.replace('//', '//reader:secret@');
  const [reader] = (await fleet.replicas(1, { url })) as [Replica];
  const large = 'x'.repeat(20_000); // more than travels with the message
  const { ended } = await reader.open('large');
  await rules('-evalsha', '-eval');
  await two.complete('large', large);
  await until('the refusal', async () => JSON.stringify(await fleet.redis.acl('LOG')).includes('evalsha'));
  expect(await reader.stats()).toMatchObject({ listening: true, waiters: 1 });
  await rules();
  expect(await ended).toMatchObject({ value: large });
});
