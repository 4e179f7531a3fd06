// Stands for `next dev`: serves the route files under app/ as Next.js would, and evaluates them anew on POST /edited, as after an edit.
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { existsSync, readdirSync } from 'node:fs';
import { extname, join } from 'node:path';

type Handler = (request: Request, context: { params: Promise<Record<string, string>> }) => Promise<Response>;

const load = createRequire(__filename);

/** The route file for a path, and what its `[name]` folders stand for. */
function routeOf(pathname: string): { file: string; params: Record<string, string> } | undefined {
  let folder = join(__dirname, 'app');
  const params: Record<string, string> = {};
  for (const segment of pathname.split('/').filter(Boolean)) {
    const names = readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
      entry.isDirectory() ? [entry.name] : [],
    );
    const name = names.find((known) => known === segment) ?? names.find((known) => known.startsWith('['));
    if (name === undefined) return undefined;
    if (name.startsWith('[')) params[name.slice(1, -1)] = decodeURIComponent(segment);
    folder = join(folder, name);
  }
  const file = join(folder, `route${extname(__filename)}`);
  return existsSync(file) ? { file, params } : undefined;
}

async function answer(incoming: IncomingMessage, url: URL, signal: AbortSignal): Promise<Response> {
  if (url.pathname === '/edited') {
    for (const file of Object.keys(load.cache)) {
      if (file.startsWith(join(__dirname, 'app')) || file.startsWith(join(__dirname, 'lib')))
        Reflect.deleteProperty(load.cache, file);
    }
    return new Response();
  }
  const route = routeOf(url.pathname);
  if (!route) return new Response('no such route', { status: 404 });
  const method = incoming.method ?? 'GET';
  const handler = (load(route.file) as Partial<Record<string, Handler>>)[method];
  if (!handler) return new Response('no such method', { status: 405 });
  const body = method === 'GET' || method === 'HEAD' ? null : await buffer(incoming);
  const request = new Request(url, { method, body, signal });
  return handler(request, { params: Promise.resolve(route.params) });
}

async function serve(incoming: IncomingMessage, outgoing: ServerResponse, origin: string): Promise<void> {
  const gone = new AbortController();
  outgoing.once('close', () => gone.abort());
  try {
    const response = await answer(incoming, new URL(incoming.url ?? '/', origin), gone.signal);
    outgoing.writeHead(response.status, Object.fromEntries(response.headers));
    outgoing.end(Buffer.from(await response.arrayBuffer()));
  } catch (error) {
    if (gone.signal.aborted) return;
    console.error(error);
    outgoing.writeHead(500).end();
  }
}

async function main(): Promise<void> {
  const server = createServer();
  server.listen(Number(process.env['PORT'] ?? 0), '127.0.0.1');
  await once(server, 'listening');
  const origin = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  server.on('request', (incoming, outgoing) => void serve(incoming, outgoing, origin));
  console.log(`listening on ${origin}`);
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      server.close();
      server.keepAliveTimeout = 1; // a connection ends with the answer that it waits for
    });
  }
}

void main();
