import { Redis } from 'ioredis';
import { Mutex } from 'redis-semaphore';
import type { Connect } from '../contender.js';
import { cachedRead } from './cached-read.js';

/** A Mutex with its defaults: a try every 10 ms. */
export const connect: Connect = async (url) => {
  const redis = new Redis(url);
  const exclusive = async <T>(name: string, work: () => Promise<T>): Promise<T> => {
    const mutex = new Mutex(redis, name, { acquireTimeout: 60_000 });
    await mutex.acquire();
    try {
      return await work();
    } finally {
      await mutex.release();
    }
  };
  return { exclusive, once: cachedRead(redis, exclusive), close: async () => redis.disconnect() };
};
