import { createBroker, type BrokerOptions } from '../../../src/index.js';
import { Load, type LoadOptions } from '../failover/load.js';

// A process that waits, and settles what it waits for, while another one hurts the servers. It says when all waits are open, and at a word ends them.
const PATIENCE_MS = 30_000;
const { broker, ...options } = JSON.parse(process.argv[2] ?? '{}') as LoadOptions & { broker: BrokerOptions };
const [here, there] = [createBroker(broker), createBroker(broker)] as const;
const load = new Load(here.define(options.type), there.define(options.type), options);

process.once('message', () => {
  void load.finish(PATIENCE_MS).then(async (outcome) => {
    await Promise.all([here.close(), there.close()]);
    process.send?.(outcome, () => process.disconnect());
  });
});
void load.start().then(() => process.send?.('open'));
