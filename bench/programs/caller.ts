import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { createBroker } from '../../src/index.js';

/**
 * A process with many callers of one expensive thing, either through `run` or the way it is found in the wild: get, sleep
 * 250 ms, get again, set; then poll every 2 s.
 */
const [url = '', way = '', callers = '', handlerMs = ''] = process.argv.slice(2);
const redis = new Redis(url);
const broker = createBroker({ redis: url });
const flows = broker.define<string>('contrast');

async function work(id: string): Promise<string> {
  const run = await redis.incr(`contrast:runs:${id}`);
  await sleep(Number(handlerMs));
  return `answer ${String(run)}`;
}

async function pollingCall(id: string): Promise<string> {
  const key = `contrast:polled:${id}`;
  const state = async (): Promise<{ status: string; result?: string } | undefined> => {
    const text = await redis.get(key);
    return text === null ? undefined : (JSON.parse(text) as { status: string; result?: string });
  };
  let found = await state();
  if (!found) {
    await sleep(250);
    found = await state();
  }
  if (!found) {
    await redis.set(key, JSON.stringify({ status: 'PENDING' }), 'PX', 180_000);
    const result = await work(id);
    await redis.set(key, JSON.stringify({ status: 'COMPLETED', result }), 'PX', 180_000);
    return result;
  }
  while (found?.status !== 'COMPLETED') {
    await sleep(2_000);
    found = await state();
  }
  return found.result ?? '';
}

async function round(id: string): Promise<{ answers: string[]; slowestMs: number }> {
  const started = performance.now();
  let slowestMs = 0;
  const call = async (): Promise<string> => {
    const answer = way === 'run' ? await flows.run(id, () => work(id)) : await pollingCall(id);
    slowestMs = Math.max(slowestMs, performance.now() - started);
    return answer;
  };
  const answers = await Promise.all(Array.from({ length: Number(callers) }, call));
  return { answers, slowestMs };
}

process.on('message', (id: string) => {
  if (id === '') {
    redis.disconnect();
    void broker.close().then(() => {
      process.disconnect();
    });
  } else void round(id).then((told) => process.send?.(told));
});
process.send?.('ready');
