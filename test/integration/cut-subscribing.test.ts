import { Redis } from 'ioredis';
import type { Broker, Flows } from '../../src/index.js';
import { Proxy } from '../processes/support/proxy.js';
import { setup } from '../helpers/setup.js';
import { until } from '../helpers/until.js';

const bed = setup();
let proxy: Proxy;
beforeEach(async () => {
  proxy = await Proxy.start(bed.server.port);
});
afterEach(() => proxy.stop());

const COUNT = 1_000;
// What ends within the time of a test ends by a wake or by the re-read of what was restored: polls are minutes apart.
const UNHURRIED = { rereadMs: 600_000, pollMs: 600_000, heartbeatMs: 60_000 };
const LASTING = { timeoutMs: 600_000 };

/** A broker that hears, over the proxy, and another beside it. */
async function connected(
  protocol: 2 | 3,
): Promise<{ broker: Broker; here: Flows<number>; there: Flows<number> }> {
  const broker = bed.broker({ redis: { port: proxy.port, protocol }, ...UNHURRIED });
  const [here, there] = [broker.define<number>('cut', LASTING), bed.broker().define<number>('cut', LASTING)];
  const { outcome } = await here.open(bed.id());
  outcome.catch(() => undefined);
  await subscribed(2); // the flow and the heartbeat
  return { broker, here, there };
}

const subscribed = (count: number): Promise<void> =>
  until(`${String(count)} channels`, async () => (await bed.admin.pubsub('CHANNELS')).length === count);

/** Breaks the connection behind so many confirmations of subscriptions, once. */
function breakBehind(confirmations: number): void {
  let left = confirmations;
  proxy.breaksBehind = (frame) =>
    /^[>*]3\r\n\$9\r\nsubscribe\r\n/.test(frame.toString('latin1', 0, 32)) && --left === 0;
}

describe.each([3, 2] as const)(
  'over RESP%i, a connection that breaks amid the confirmations of one SUBSCRIBE',
  (protocol) => {
    it.each([1, 500, 999])('%i of 1,000: every wait is bound to its flow, and woken', async (confirmed) => {
      const { broker, here, there } = await connected(protocol);
      const ids = Array.from({ length: COUNT }, () => bed.id());
      breakBehind(confirmed);
      const opened = await Promise.all(ids.map((id) => here.open(id)));
      await until('the reconnect', () => broker.stats().reconnects === 1);
      await subscribed(2 + COUNT);
      await Promise.all(ids.map((id, at) => there.complete(id, at)));
      expect(await Promise.all(opened.map(({ outcome }) => outcome))).toEqual(ids.map((_id, at) => at));
    });

    it.each([1, 300, 700])(
      '%i, while it restores those of 1,000 waits: every wait is woken',
      async (confirmed) => {
        const { broker, here, there } = await connected(protocol);
        const ids = Array.from({ length: COUNT }, () => bed.id());
        const opened = await Promise.all(ids.map((id) => here.open(id)));
        await subscribed(2 + COUNT);
        breakBehind(confirmed);
        proxy.reset();
        await until('both reconnects', () => broker.stats().reconnects === 2);
        await subscribed(2 + COUNT);
        await Promise.all(ids.map((id, at) => there.complete(id, at)));
        expect(await Promise.all(opened.map(({ outcome }) => outcome))).toEqual(ids.map((_id, at) => at));
      },
    );
  },
);

// ioredis 5 speaks RESP2 only, on which nothing but subscriptions goes over the listening connection.
('protocol' in new Redis({ lazyConnect: true }).options ? it : it.skip)(
  'over RESP3, what timed out on a connection that then breaks is not sent over the other one',
  async () => {
    const redis = { port: proxy.port, protocol: 3 as const };
    const broker = bed.broker({ redis, ...UNHURRIED, commandTimeoutMs: 200 });
    const flows = broker.define<number>('cut', LASTING);
    const { outcome } = await flows.open(bed.id());
    outcome.catch(() => undefined);
    await subscribed(2);
    const late = bed.id();
    proxy.orphan();
    await expect(flows.open(late)).rejects.toMatchObject({ code: 'ERR_FLOW_UNAVAILABLE' });
    proxy.reset();
    await until('the reconnect', () => broker.stats().reconnects === 1);
    await flows.create(bed.id());
    expect(await flows.get(late)).toBeUndefined();
  },
);
