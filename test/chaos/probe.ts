import { Redis } from 'ioredis';
import type { Deed } from './entries.js';

const EVERY_MS = 25;
const SLOW_NS = 150e6;

/** Asks every server again and again, past the library and any proxy, and writes down when an answer was slow: what nobody could have had sooner. */
export function probe(ports: readonly number[], now: () => number): { stop(): Deed[] } {
  const deeds: Deed[] = [];
  const clients = ports.map((port) => {
    const redis = new Redis({
      port,
      maxRetriesPerRequest: null,
      retryStrategy: () => 50,
      connectionName: 'probe',
    });
    redis.on('error', () => undefined);
    return redis;
  });
  const waiting = new Set<Redis>();
  const timer = setInterval(() => {
    for (const redis of clients) {
      if (waiting.has(redis)) continue;
      waiting.add(redis);
      const from = now();
      const done = (): void => {
        waiting.delete(redis);
        if (now() - from > SLOW_NS) deeds.push({ deed: 'slow', from, end: now() });
      };
      redis.ping().then(done, done);
    }
  }, EVERY_MS);
  return {
    stop() {
      clearInterval(timer);
      for (const redis of clients) redis.disconnect();
      return deeds;
    },
  };
}
