// A deploy in the middle of a job: SIGTERM lets it finish if it can, and else hands it over at once, not after the lease.
// Run in two terminals: npm run build && npx ts-node examples/graceful-shutdown.ts   (Redis at REDIS_URL, or on localhost)
// One works, the other waits. Ctrl-C the one that works: after half a second the other takes over.
import { setTimeout as delay } from 'node:timers/promises';
import { createBroker, FlowError } from 'flowbroker';

const [id = 'nightly-report', seconds = '20'] = process.argv.slice(2);
const broker = createBroker({ redis: process.env['REDIS_URL'] ?? 'redis://localhost:6379' });
const jobs = broker.define<string>('job', { leaseMs: 15_000, retentionMs: 1_000 });

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, () => {
    console.log('stopping');
    // Takes no more calls and waits for what runs; what is left after drainMs is told by its signal, and freed for others.
    void broker.close({ drainMs: 500 });
  });
}

async function main(): Promise<void> {
  console.log('started');
  try {
    const report = await jobs.run(id, async ({ signal, attempt }) => {
      console.log(`working, attempt ${String(attempt)}`);
      await delay(Number(seconds) * 1_000, undefined, { signal });
      return `made in attempt ${String(attempt)}`;
    });
    console.log('report:', report);
    await broker.close();
  } catch (error) {
    if (!(error instanceof FlowError && error.code === 'ERR_FLOW_CLOSED')) throw error;
    console.log('handed over'); // nothing keeps this process alive now
  }
}

void main();
