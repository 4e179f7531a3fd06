import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import type { RedisCluster, RedisServer } from '../../../scripts/redis/index.js';
import { now } from './load.js';

const LOOK_MS = 2;
const MOVING_SLOTS = 60;

/** What is done to a Cluster, and when its slots were served by another master: moments as of `now`. */
export interface Fault {
  /** The slots that change hands. */
  readonly slots: ReadonlySet<number>;
  /** Does it. Resolves when all of them are served by their new masters. */
  inflict(): Promise<void>;
  /** When the slot's new master took it, as that said itself; Infinity while it did not. */
  promotedAt(slot: number): number;
  /** Puts back in order what was hurt. */
  restore(): Promise<void>;
}

export const FAULTS = {
  'kill -9': (cluster: RedisCluster) =>
    replaced(
      cluster,
      (master) => master.kill(),
      (master) => master.restart(),
    ),
  SIGSTOP: (cluster: RedisCluster) =>
    replaced(
      cluster,
      (master) => master.pause(),
      (master) => master.resume(),
    ),
  'CLUSTER FAILOVER': (cluster: RedisCluster) =>
    replaced(cluster, async (master) => {
      await cluster.failover(master);
    }),
  'slots move': moving,
} satisfies Readonly<Record<string, (cluster: RedisCluster) => Promise<Fault>>>;

export type FaultName = keyof typeof FAULTS;

async function replaced(
  cluster: RedisCluster,
  hurt: (master: RedisServer) => Promise<void>,
  restore: (master: RedisServer) => Promise<void> = () => Promise.resolve(),
): Promise<Fault> {
  const [master] = await cluster.masters();
  if (!master) throw new Error('the cluster has no master');
  const replica = await cluster.replicaOf(master);
  const owned = (await cluster.view()).find(({ port }) => port === master.port)?.slots ?? [];
  let promotedAt = Infinity;
  return {
    slots: new Set(
      owned.flatMap(([from, to]) => Array.from({ length: to - from + 1 }, (_none, at) => from + at)),
    ),
    promotedAt: () => promotedAt,
    async inflict() {
      const watching = promotion(replica);
      await hurt(master);
      promotedAt = await watching;
    },
    async restore() {
      await restore(master);
      await cluster.healthy();
    },
  };
}

/** When a replica says of itself that it is a master. */
async function promotion({ port }: RedisServer): Promise<number> {
  const redis = new Redis({ port, connectionName: 'harness' });
  redis.on('error', () => undefined);
  try {
    for (;;) {
      const [role] = (await redis.call('ROLE')) as [string];
      if (role === 'master') return now();
      await delay(LOOK_MS);
    }
  } finally {
    redis.disconnect();
  }
}

/** Some slots of every master go to the next one, with their keys. */
async function moving(cluster: RedisCluster): Promise<Fault> {
  const masters = await cluster.masters();
  const owners = await cluster.view();
  const targets = new Map<number, RedisServer>();
  for (const [at, master] of masters.entries()) {
    const [range] = owners.find(({ port }) => port === master.port)?.slots ?? [];
    const target = masters[(at + 1) % masters.length];
    if (!range || !target) continue;
    for (let n = 0; n < MOVING_SLOTS / masters.length; n++) targets.set(range[0] + n, target);
  }
  const promoted = new Map<number, number>();
  return {
    slots: new Set(targets.keys()),
    promotedAt: (slot) => promoted.get(slot) ?? Infinity,
    async inflict() {
      for (const [slot, target] of targets) {
        await cluster.migrate(slot, target);
        promoted.set(slot, now());
      }
    },
    restore: () => cluster.healthy(),
  };
}
