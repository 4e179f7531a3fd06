import { Queue, QueueEvents, Worker } from 'bullmq';
import type { Connect } from '../contender.js';

const CONCURRENCY = 256;
const OPTIONS = { removeOnComplete: { age: 300, count: 10_000 }, removeOnFail: { age: 300 } };

/**
 * `waitUntilFinished` with QueueEvents. A flow is a job, whose processor holds it until it is completed; where nothing holds it yet, the
 * processor ends at once. Exclusive work is a queue with a global concurrency of one. Single-flight is a job id that is added once.
 */
export const connect: Connect = async (url, role) => {
  const connection = { url };
  const closing: { close(): Promise<void> }[] = [];
  const ready = async <T extends { close(): Promise<void>; waitUntilReady(): Promise<unknown> }>(
    one: T,
  ): Promise<T> => {
    closing.unshift(one);
    await one.waitUntilReady();
    return one;
  };
  const queueOf = async (name: string) => ({
    queue: await ready(new Queue(name, { connection })),
    events: await ready(new QueueEvents(name, { connection })),
  });

  // A process that does both picks up its own jobs: another would not know what to end them with.
  const flows = role === 'both' ? `bench-${process.pid}` : 'bench';
  const payloads = new Map<string, (payload: string) => void>();
  const told = new Map<string, string>();
  const picked = new Map<string, () => void>();
  const hold = (id: string): Promise<string> | string => {
    const payload = told.get(id);
    if (payload !== undefined && told.delete(id)) return payload;
    return new Promise((resolve) => {
      payloads.set(id, resolve);
      picked.get(id)?.();
    });
  };

  const { queue, events } = await queueOf(flows);
  queue.setMaxListeners(0);
  events.setMaxListeners(0);
  if (role !== 'waiter')
    await ready(
      new Worker(flows, async ({ data }) => hold((data as { id: string }).id), {
        connection,
        concurrency: CONCURRENCY,
      }),
    );
  const works = new Map<string, () => Promise<unknown>>();
  const lane = async (name: string, concurrency: number, exclusive: boolean) => {
    const { queue: own, events: ownEvents } = await queueOf(name);
    own.setMaxListeners(0);
    ownEvents.setMaxListeners(0);
    if (exclusive) await own.setGlobalConcurrency(1);
    await ready(
      new Worker(name, async ({ data }) => works.get((data as { work: string }).work)?.(), {
        connection,
        concurrency,
      }),
    );
    return { queue: own, events: ownEvents };
  };
  // In these two works every process adds jobs and works on them; opened at its first use, before the clock runs.
  const lanes = new Map<string, ReturnType<typeof lane>>();
  const laneOf = (name: string, concurrency: number, exclusive: boolean): ReturnType<typeof lane> => {
    const known = lanes.get(name) ?? lane(name, concurrency, exclusive);
    lanes.set(name, known);
    return known;
  };

  return {
    async open(id) {
      const job = await queue.add('flow', { id }, OPTIONS);
      return { outcome: job.waitUntilFinished(events) as Promise<string> };
    },
    async complete(id, payload) {
      if (role === 'settler' && !payloads.has(id)) {
        await new Promise<void>((resolve) => picked.set(id, resolve));
        picked.delete(id);
      }
      const end = payloads.get(id);
      payloads.delete(id);
      if (end) end(payload());
      else told.set(id, payload());
    },
    async once(id, work) {
      const { queue: own, events: ownEvents } = await laneOf('once', CONCURRENCY, false);
      works.set(id, work);
      const job = await own.add('work', { work: id }, { ...OPTIONS, jobId: id });
      return job.waitUntilFinished(ownEvents) as Promise<string>;
    },
    async exclusive(name, work) {
      const { queue: own, events: ownEvents } = await laneOf(`exclusive-${name}`, 1, true);
      works.set(name, work);
      const job = await own.add('work', { work: name }, OPTIONS);
      return job.waitUntilFinished(ownEvents) as ReturnType<typeof work>;
    },
    async close() {
      for (const one of closing) await one.close();
    },
  };
};
