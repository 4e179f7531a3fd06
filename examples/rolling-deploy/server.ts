// One replica of a service that is deployed while it works. The part to copy is the end: what SIGTERM does.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { createBroker, FlowError } from 'flowbroker';

const {
  REDIS_URL = 'redis://localhost:6379',
  FLOW_PREFIX,
  NAME = 'replica',
  DRAIN_MS = '10000',
} = process.env;

interface Report {
  readonly madeBy: string;
  readonly attempt: number;
}

const broker = createBroker({ redis: REDIS_URL, prefix: FLOW_PREFIX });
// The lease is long on purpose: a replica that stops does not let anybody wait for it.
const reports = broker.define<Report>('report', { leaseMs: 60_000, timeoutMs: 120_000 });
let stopping = false;

/** GET /reports/<id>?ms=<how long it takes>; GET /ready for the load balancer. */
async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://localhost');
  if (url.pathname === '/ready') {
    response.writeHead(stopping ? 503 : 200).end();
    return;
  }
  const id = url.pathname.replace('/reports/', '');
  const takesMs = Number(url.searchParams.get('ms') ?? 100);
  console.log(`asked for ${id}`);
  try {
    const report = await reports.run(id, async ({ signal, attempt }) => {
      console.log(`working on ${id}, attempt ${String(attempt)}`);
      await delay(takesMs, undefined, { signal }); // pass the signal on, to fetch or whatever does the work
      return { madeBy: NAME, attempt };
    });
    response.setHeader('content-type', 'application/json').end(JSON.stringify(report));
  } catch (error) {
    if (!(error instanceof FlowError && error.code === 'ERR_FLOW_CLOSED')) throw error;
    // This replica is leaving; the flow is not. Asked again, another replica joins the same run, or hands out its result.
    response.writeHead(503, { 'retry-after': '0', connection: 'close' }).end();
  }
}

const server = createServer((request, response) => {
  answer(request, response).catch((error: unknown) => response.writeHead(500).end(String(error)));
});
server.listen(Number(process.env['PORT'] ?? 0), '127.0.0.1', () => {
  console.log(`listening on http://127.0.0.1:${String((server.address() as AddressInfo).port)}`);
});

async function stop(): Promise<void> {
  stopping = true;
  server.keepAliveTimeout = 1; // a connection ends with the answer that it waits for
  // First the flows, while requests can still be answered: what is short finishes, what is left after DRAIN_MS is freed, so that a
  // replica that waits for it begins at once. Then the server, once the last answer is out.
  await broker.close({ drainMs: Number(DRAIN_MS) });
  server.close();
}

for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void stop());
