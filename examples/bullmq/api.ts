// A replica of the API. POST /renders/<id>?page=… asks for a render and waits for it; GET /renders/<id> waits again.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Queue } from 'bullmq';
import { createBroker, FlowError } from 'flowbroker';
import { FLOW_PREFIX, QUEUE, REDIS_URL, renderFlows, type Image, type RenderJob } from './renders.js';

/** Shorter than what proxies allow a request. */
const WAIT_MS = 25_000;

const broker = createBroker({ redis: REDIS_URL, prefix: FLOW_PREFIX });
const renders = renderFlows(broker);
const queue = new Queue<RenderJob>(QUEUE, { connection: { url: REDIS_URL }, prefix: `${FLOW_PREFIX}:bull` });
queue.on('error', console.error);

async function ask(id: string, page: string, signal: AbortSignal): Promise<Image> {
  // First the flow: whoever asks for the same id joins it, on any replica, and listens before the job can be done.
  const { verdict, record, outcome } = await renders.open(id, {
    metadata: { page },
    signal,
    waitMs: WAIT_MS,
  });
  if (verdict !== 'settled') {
    const { fence, metadata } = record;
    // One job for one flow: BullMQ adds a jobId once. Also who joined adds it, in case the first asker died in between.
    await queue.add(
      'render',
      { id, fence, page: metadata.page },
      {
        jobId: `${id}-${String(fence)}`,
        attempts: 3,
        backoff: { type: 'fixed', delay: 100 },
        removeOnComplete: { age: 600 },
        removeOnFail: { age: 600 },
      },
    );
  }
  return outcome;
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const gone = new AbortController();
  response.once('close', () => gone.abort(new Error('the client is gone')));
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost');
  const id = pathname.replace('/renders/', '');
  const reply = (status: number, body: unknown): void => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  };
  try {
    if (request.method === 'POST') reply(200, await ask(id, searchParams.get('page') ?? '', gone.signal));
    else reply(200, await renders.wait(id, { signal: gone.signal, timeoutMs: WAIT_MS }));
  } catch (error) {
    if (response.destroyed) return;
    if (!(error instanceof FlowError)) throw error;
    if (error.code === 'ERR_FLOW_FAILED') reply(502, { error: (error.cause as Error).message });
    else if (error.code === 'ERR_FLOW_NOT_FOUND') reply(404, { error: 'no such render' });
    else if (error.code === 'ERR_FLOW_WAIT_TIMEOUT') reply(202, { waitAgain: pathname });
    else reply(503, { error: error.code });
  }
}

const server = createServer((request, response) => {
  answer(request, response).catch((error: unknown) => response.writeHead(500).end(String(error)));
});
server.listen(Number(process.env['PORT'] ?? 0), '127.0.0.1', () => {
  console.log(`listening on http://127.0.0.1:${String((server.address() as AddressInfo).port)}`);
});

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, () => {
    // The jobs go on, and so do their flows: who waited here waits again elsewhere.
    server.close();
    server.keepAliveTimeout = 1; // a connection ends with the answer that it waits for
    void Promise.all([broker.close(), queue.close()]);
  });
}
