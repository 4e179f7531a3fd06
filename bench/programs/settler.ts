import { Redis } from 'ioredis';
import { createBroker } from '../../src/index.js';

/** Settles, or publishes, what it is told to, each with the moment just before as its payload. */
const [url = ''] = process.argv.slice(2);
const broker = createBroker({ redis: url });
const flows = broker.define<string>('bench');
const redis = new Redis(url);

// Comparable between processes of one machine.
const moment = (): string => String(process.hrtime.bigint());

process.on(
  'message',
  (told: { readonly settle?: string; readonly publish?: string; readonly stop?: true }) => {
    if (told.settle !== undefined) void flows.complete(told.settle, moment());
    else if (told.publish !== undefined) void redis.publish(told.publish, moment());
    else {
      redis.disconnect();
      void broker.close().then(() => process.disconnect());
    }
  },
);
process.send?.('ready');
