import type { Redis } from 'ioredis';

const KEPT_MS = 300_000;

/** Mutual exclusion around a cached read: look, lock, look again, work, store. */
export function cachedRead(
  redis: Redis,
  exclusive: (name: string, work: () => Promise<string>) => Promise<string>,
): (id: string, work: () => Promise<string>) => Promise<string> {
  return async (id, work) => {
    const key = `cached:${id}`;
    return (
      (await redis.get(key)) ??
      exclusive(id, async () => {
        const stored = await redis.get(key);
        if (stored !== null) return stored;
        const answer = await work();
        await redis.set(key, answer, 'PX', KEPT_MS);
        return answer;
      })
    );
  };
}
