import { Redis } from 'ioredis';
import { createBroker } from '../../src/index.js';

/**
 * Settles, publishes, or runs a bare script on what it is told to, each with the moment just before as its payload. The script is what one would
 * write by hand for a flow that nobody else touches: the commands of settle, and nothing looked at.
 */
const [url = ''] = process.argv.slice(2);
const broker = createBroker({ redis: url });
const flows = broker.define<string>('bench');
const redis = new Redis(url);
redis.defineCommand('bare', {
  numberOfKeys: 1,
  lua: `
    redis.call('TIME')
    local record = redis.call('GET', KEYS[1])
    redis.call('SET', KEYS[1], string.gsub(record, 'PENDING', 'COMPLETED', 1) .. ARGV[1], 'PX', 300000)
    redis.call('PUBLISH', KEYS[1], ARGV[1])
    return 'applied'`,
});
const { bare } = redis as unknown as {
  bare: (record: string, payload: string) => Promise<string>;
};

// Comparable between processes of one machine.
const moment = (): string => String(process.hrtime.bigint());

process.on(
  'message',
  (told: {
    readonly settle?: string;
    readonly bare?: string;
    readonly publish?: string;
    readonly stop?: true;
  }) => {
    if (told.settle !== undefined) void flows.complete(told.settle, moment());
    else if (told.bare !== undefined) void bare.call(redis, told.bare, moment());
    else if (told.publish !== undefined) void redis.publish(told.publish, moment());
    else {
      redis.disconnect();
      void broker.close().then(() => process.disconnect());
    }
  },
);
process.send?.('ready');
