import { BentoCache, bentostore } from 'bentocache';
import { memoryDriver } from 'bentocache/drivers/memory';
import { redisBusDriver, redisDriver } from 'bentocache/drivers/redis';
import type { Connect } from '../contender.js';

/** Two levels and a bus. */
export const connect: Connect = async (url) => {
  const { hostname: host, port } = new URL(url);
  const connection = { host, port: Number(port) };
  const bento = new BentoCache({
    default: 'multitier',
    stores: {
      multitier: bentostore()
        .useL1Layer(memoryDriver({ maxSize: '10mb' }))
        .useL2Layer(redisDriver({ connection }))
        .useBus(redisBusDriver({ connection })),
    },
  });
  return {
    once: (id, work) => bento.getOrSet({ key: id, ttl: '5m', factory: work }),
    close: () => bento.disconnectAll(),
  };
};
