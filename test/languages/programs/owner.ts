import { createBroker } from '../../../src/index.js';

// A Node process that owns a flow and never finishes: it is there to be killed.
const [url = '', id = ''] = process.argv.slice(2);
const flows = createBroker({ redis: url }).define('interop', { leaseMs: 1_000 });
void flows.run(id, () => {
  process.send?.('running');
  return new Promise(() => {
    setInterval(() => undefined, 1_000);
  });
});
