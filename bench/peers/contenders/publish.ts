import { once } from 'node:events';
import { Redis } from 'ioredis';
import type { Connect } from '../contender.js';

const CHANNEL = 'bench:publish';

/** The least that a wake can be: one PUBLISH, and its message. Nothing is stored. */
export const connect: Connect = async (url, role) => {
  const redis = new Redis(url);
  if (role === 'waiter') await redis.subscribe(CHANNEL);
  return {
    open: async () => ({ outcome: once(redis, 'message').then((words) => words[1] as string) }),
    complete: (_id, payload) => redis.publish(CHANNEL, payload()),
    close: async () => redis.disconnect(),
  };
};
