import { Idempotency } from '@node-idempotency/core';
import { RedisStorageAdapter } from '@node-idempotency/storage-adapter-redis';
import type { Connect } from '../contender.js';

/** Told to wait for a request that is under way: by polling, as it does. */
export const connect: Connect = async (url) => {
  const storage = new RedisStorageAdapter({ url });
  await storage.connect();
  const idempotency = new Idempotency(storage, { inProgressStrategy: { wait: true } });
  return {
    async once(id, work) {
      const request = { headers: { 'idempotency-key': id }, path: '/work', method: 'POST', body: { id } };
      const before = await idempotency.onRequest<string, never>(request);
      if (before) return before.body ?? '';
      const body = await work();
      await idempotency.onResponse(request, { body });
      return body;
    },
    close: () => storage.disconnect(),
  };
};
