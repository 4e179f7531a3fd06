import { Redis } from 'ioredis';
import Redlock from 'redlock';
import type { Connect } from '../contender.js';
import { cachedRead } from './cached-read.js';

/** `using`, with the settings of its README but for the number of tries: everybody here is to get the lock in the end. */
export const connect: Connect = async (url) => {
  const redis = new Redis(url);
  const redlock = new Redlock([redis], { retryCount: -1 });
  const exclusive = <T>(name: string, work: () => Promise<T>): Promise<T> =>
    redlock.using([`redlock:${name}`], 5_000, work);
  return { exclusive, once: cachedRead(redis, exclusive), close: async () => redis.disconnect() };
};
