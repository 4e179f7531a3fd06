import { createCache } from 'async-cache-dedupe';
import { Redis } from 'ioredis';
import type { Connect } from '../contender.js';

export const connect: Connect = async (url) => {
  const redis = new Redis(url);
  const works = new Map<string, () => Promise<string>>();
  const cache = createCache({ ttl: 300, storage: { type: 'redis', options: { client: redis } } }).define(
    'answer',
    async (id: string) => works.get(id)?.() ?? '',
  );
  return {
    once(id, work) {
      works.set(id, work);
      return cache.answer(id);
    },
    close: async () => redis.disconnect(),
  };
};
