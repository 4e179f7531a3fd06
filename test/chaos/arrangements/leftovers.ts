import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';

const PATIENCE_MS = 3_000; // a server notices a moment later that a connection has ended

/** What is left on a server when every broker is closed: keys that never expire, subscriptions, clients. */
export async function leftoversOn(port: number): Promise<string[]> {
  const redis = new Redis({ port });
  redis.on('error', () => undefined);
  await redis.call('READONLY').catch(() => undefined); // a replica in a Cluster shows its keys only then
  try {
    const giveUp = performance.now() + PATIENCE_MS;
    for (;;) {
      const left = [...(await subscriptions(redis)), ...(await clients(redis))];
      if (left.length > 0 && performance.now() < giveUp) {
        await delay(20);
        continue;
      }
      return [...left, ...(await lasting(redis))];
    }
  } finally {
    redis.disconnect();
  }
}

async function subscriptions(redis: Redis): Promise<string[]> {
  const channels = (await redis.call('PUBSUB', 'CHANNELS')) as string[];
  const sharded = (await redis.call('PUBSUB', 'SHARDCHANNELS').catch(() => [])) as string[]; // since Redis 7
  const left = [...channels, ...sharded].filter((channel) => channel !== '__sentinel__:hello');
  return left.map((channel) => `a subscription to ${channel}`);
}

async function clients(redis: Redis): Promise<string[]> {
  const lines = ((await redis.call('CLIENT', 'LIST')) as string).trim().split('\n');
  // Servers connect to one another too: replicas, Sentinels, a master that hands slots over.
  const others = lines.filter((line) => !/ cmd=client| cmd=restore| flags=[MS]| name=sentinel-/.test(line));
  return others.map((line) => `a client: ${line.slice(0, 80)}`);
}

async function lasting(redis: Redis): Promise<string[]> {
  const found: string[] = [];
  for (let cursor = '0', first = true; first || cursor !== '0'; first = false) {
    const [next, keys] = await redis.scan(cursor, 'COUNT', 1_000);
    cursor = next;
    const ttls = await Promise.all(keys.map((key) => redis.pttl(key)));
    found.push(...keys.filter((_key, at) => ttls[at] === -1).map((key) => `the key ${key} without a TTL`));
  }
  return found;
}
