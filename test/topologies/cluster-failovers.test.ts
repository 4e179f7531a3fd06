import { setTimeout as delay } from 'node:timers/promises';
import { ask, eventually, type RedisServer } from '../../scripts/redis/index.js';
import { slotOf } from '../../src/redis/slot.js';
import type { Broker, Flows } from '../../src/index.js';
import { until } from '../helpers/until.js';
import { clusterBed } from './support/cluster-bed.js';
import { crowd } from './support/crowd.js';

const COUNT = 2_000;
const bed = clusterBed();

interface Pair {
  readonly brokers: readonly Broker[];
  readonly here: Flows<string>;
  readonly there: Flows<string>;
}

function pair(type: string): Pair {
  const options = { commandTimeoutMs: 20_000, heartbeatMs: 1_000 };
  const brokers = [bed.broker(options), bed.broker(options)] as const;
  return { brokers, here: brokers[0].define(type), there: brokers[1].define(type) };
}

/** What a replica has not got yet, a failover loses: these tests are of what it has. */
async function replicated(): Promise<void> {
  for (const master of await bed.cluster.masters()) {
    await eventually('the replica has all', 10_000, async () => {
      const info = String(await ask(master.port, 'INFO', 'replication'));
      const offsets = [...info.matchAll(/(?:offset=|master_repl_offset:)(\d+)/g)].map(([, offset]) => offset);
      return offsets.length === 2 && offsets[0] === offsets[1];
    });
  }
}

const listening = (brokers: readonly Broker[]): Promise<void> =>
  until('all to listen', () => brokers.every((broker) => broker.stats().listening));

it('a failover by command loses no wait and no call, before, during or after it', async () => {
  const { brokers, here, there } = pair('manual');
  const waits = await crowd(here, there, COUNT, bed.id);
  await listening(brokers);
  const [master] = await bed.cluster.masters();
  const settled = waits.settle((at) => at % 2 === 0);
  const promoted = bed.cluster.failover(master!);
  expect(await settled).toBe(COUNT / 2);
  await promoted;
  expect(await waits.settle((at) => at % 2 === 1)).toBe(COUNT / 2);
  expect(await waits.ends()).toEqual({ ok: COUNT * 2 });
});

describe.each([
  ['is killed with -9', (master: RedisServer) => master.kill()],
  ['hangs', (master: RedisServer) => master.pause()],
])('a master that %s', (_how, hurt) => {
  it('loses no wait: those of other slots go on, those of its own as soon as its replica is promoted', async () => {
    const { brokers, here, there } = pair('hurt');
    const waits = await crowd(here, there, COUNT, bed.id);
    await listening(brokers);
    await replicated();
    const [master] = await bed.cluster.masters();
    const owned = (await bed.cluster.view()).find(({ port }) => port === master!.port)!.slots;
    const hit = waits.ids.map((id) => {
      const slot = slotOf(`flow:{hurt:${id}}`);
      return owned.some(([from, to]) => from <= slot && slot <= to);
    });
    const replica = await bed.cluster.replicaOf(master!);
    await hurt(master!);
    // The others' slots are served all along.
    const others = hit.filter((one) => !one).length;
    expect(await waits.settle((at) => !hit[at])).toBe(others);
    // These ride the failover out.
    const settled = waits.settle((at) => hit[at] === true);
    await bed.cluster.promoted(replica);
    expect(await settled).toBe(COUNT - others);
    expect(await waits.ends()).toEqual({ ok: COUNT * 2 });
  });
});

it('slots that move while flows in them are waited for and settled lose none', async () => {
  const { brokers, here, there } = pair('moving');
  const waits = await crowd(here, there, COUNT, bed.id);
  await listening(brokers);
  const slots = [...new Set(waits.ids.map((id) => slotOf(`flow:{moving:${id}}`)))].slice(0, 60);
  const masters = await bed.cluster.masters();
  let settled = waits.settle((at) => at % 4 === 0);
  for (const [at, slot] of slots.entries()) {
    await bed.cluster.migrate(slot, masters[Math.floor(at / 20)]!);
    if (at === 20)
      settled = Promise.all([settled, waits.settle((one) => one % 4 === 1)]).then(([one]) => one);
  }
  expect(await settled).toBe(COUNT / 4);
  expect(await waits.settle((at) => at % 4 > 1)).toBe(COUNT / 2);
  expect(await waits.ends()).toEqual({ ok: COUNT * 2 });
});

it('a pure waiter hears of a flow whose slot moved, without asking', async () => {
  const { brokers, here, there } = pair('moved');
  const { outcome } = await here.open('a', { timeoutMs: 60_000 });
  const before = await bed.cluster.ownerOf(slotOf('flow:{moved:a}'));
  const target = (await bed.cluster.masters()).find((master) => master !== before)!;
  await bed.cluster.migrate(slotOf('flow:{moved:a}'), target);
  await until('it is subscribed at the new owner', async () => {
    const channels = (await ask(target.port, 'PUBSUB', 'SHARDCHANNELS', 'flow:{moved:a}')) as string[];
    return channels.length === 1;
  });
  await delay(50); // the re-reads that follow
  const { rereads } = brokers[0]!.stats();
  await there.complete('a', 'here');
  expect(await outcome).toBe('here');
  expect(brokers[0]!.stats()).toMatchObject({ rereads, missedWakes: 0 });
});
