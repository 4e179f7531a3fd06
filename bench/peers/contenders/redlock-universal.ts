import { Redis } from 'ioredis';
import { createLock, IoredisAdapter } from 'redlock-universal';
import type { Connect } from '../contender.js';
import { cachedRead } from './cached-read.js';

/** `using`, with its defaults but for the number of tries: everybody here is to get the lock in the end. */
export const connect: Connect = async (url) => {
  const redis = new Redis(url);
  const adapter = new IoredisAdapter(redis);
  const exclusive = <T>(name: string, work: () => Promise<T>): Promise<T> =>
    createLock({ adapter, key: `universal:${name}`, ttl: 30_000, retryAttempts: 600 }).using(work);
  return { exclusive, once: cachedRead(redis, exclusive), close: async () => redis.disconnect() };
};
