// A worker: does the jobs, and ends the flows that requests wait for. It knows nothing of who waits, or where.
import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'bullmq';
import { createBroker } from 'flowbroker';
import { FLOW_PREFIX, QUEUE, REDIS_URL, renderFlows, type Image, type RenderJob } from './renders.js';

const { NAME = 'worker', LARGE_MS = '500' } = process.env;
const broker = createBroker({ redis: REDIS_URL, prefix: FLOW_PREFIX });
const renders = renderFlows(broker);

/** Stands for the work. `large` pages take longer, `flaky` fails twice, `broken` always. */
async function render({ page }: RenderJob, attempt: number): Promise<Image> {
  console.log(`rendering ${page}, attempt ${String(attempt)}`);
  await delay(page.startsWith('large') ? Number(LARGE_MS) : 50);
  if (page === 'broken' || (page === 'flaky' && attempt < 3)) throw new Error(`${page} does not render`);
  return { file: `${page}.png`, worker: NAME, attempt };
}

const worker = new Worker<RenderJob>(
  QUEUE,
  async ({ data, attemptsMade }) => {
    const { id, fence } = data;
    const image = await render(data, attemptsMade + 1);
    // applied, or somebody was first: the same job worked twice ends the flow once. If Redis is away this throws, and BullMQ tries again.
    await renders.complete(id, image, { fence });
  },
  {
    connection: { url: REDIS_URL },
    prefix: `${FLOW_PREFIX}:bull`,
    concurrency: 10,
    // BullMQ's defaults are 30 s each: how long a dead worker's job lies until another takes it.
    lockDuration: 1_000,
    stalledInterval: 1_000,
  },
);

worker.on('failed', (job, error) => {
  // An attempt that failed and will be tried again ends nothing. If this call is lost, the flow's deadline ends it.
  if (!job?.finishedOn) return;
  renders.fail(job.data.id, error, { fence: job.data.fence }).catch(console.error);
});
worker.on('error', console.error);
void worker.waitUntilReady().then(() => console.log('ready'));

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  // The jobs that run first, then what they need.
  process.once(signal, () => void worker.close().then(() => broker.close()));
}
