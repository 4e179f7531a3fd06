import type * as Flowbroker from 'flowbroker';
import type { Connect } from '../contender.js';

// The build, as users get it.
const built = process.env['FLOWBROKER'] ?? 'flowbroker';

export const connect: Connect = async (url) => {
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  const { createBroker } = require(built) as typeof Flowbroker;
  const broker = createBroker({ redis: url });
  const flows = broker.define<string>('bench');
  return {
    open: (id) => flows.open(id),
    complete: (id, payload) => flows.complete(id, payload()),
    once: (id, work) => flows.run(id, work),
    async exclusive(name, work) {
      const hold = await broker.lease(name).acquire({ waitMs: 60_000 });
      if (!hold) throw new Error('not acquired within a minute');
      try {
        return await work();
      } finally {
        await hold.release();
      }
    },
    rereads: () => broker.stats().rereads,
    close: () => broker.close(),
  };
};
