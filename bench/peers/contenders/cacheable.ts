import KeyvRedis from '@keyv/redis';
import { Cacheable } from 'cacheable';
import type { Connect } from '../contender.js';

/** Memory first, Redis second. */
export const connect: Connect = async (url) => {
  const cache = new Cacheable({ secondary: new KeyvRedis(url) });
  return {
    once: async (id, work) => (await cache.getOrSet(id, work, { ttl: '5m' })) ?? '',
    close: () => cache.disconnect(),
  };
};
