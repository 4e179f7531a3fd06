import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { serve } from '@hono/node-server';
import compression from 'compression';
import type { Express, Request, RequestHandler, Response as ExpressResponse } from 'express';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { Hono, type Context } from 'hono';
import { cors } from 'hono/cors';
import * as forExpress from '../../../src/adapters/idempotency/express.js';
import * as forFastify from '../../../src/adapters/idempotency/fastify.js';
import * as forHono from '../../../src/adapters/idempotency/hono.js';
import type { IdempotencyContext, IdempotencyOptions } from '../../../src/adapters/idempotency/index.js';
import type { Setup } from '../../helpers/setup.js';

/** What a route of the test does, in the words of either framework. */
export type Route = (
  /** Sets status and headers. */
  head: (status: number, headers: Record<string, string | string[]>) => void,
  end: (body?: string | Buffer | Readable | object) => void,
  seen: {
    readonly body: unknown;
    readonly context: IdempotencyContext | undefined;
    readonly raw: ExpressResponse;
  },
) => unknown;

export interface Shop {
  readonly base: string;
}

/** A POST to a shop. */
export function postTo(
  shop: Shop,
  key: string | undefined,
  body: unknown = { amount: 1200 },
  more: RequestInit = {},
): Promise<Response> {
  return fetch(`${shop.base}/payments`, {
    method: 'POST',
    body: JSON.stringify(body),
    ...more,
    headers: {
      'content-type': 'application/json',
      'x-tenant': 'acme',
      ...(key === undefined ? {} : { 'idempotency-key': key }),
      ...(more.headers as Record<string, string> | undefined),
    },
  });
}

type Options = Omit<IdempotencyOptions<unknown>, 'scope' | 'fingerprint' | 'required'>;
export type OpenShop = (route: Route, options?: Options) => Promise<Shop>;

const open: (() => Promise<void>)[] = [];

/** For afterEach. */
export async function closeShops(): Promise<void> {
  await Promise.all(open.splice(0).map((close) => close()));
}

function opened(server: Server, close: () => Promise<void>): Shop {
  open.push(close);
  return { base: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}` };
}

export function expressShop(bed: Setup, name: string): OpenShop {
  return async (route, options = {}) => {
    // eslint-disable-next-line @typescript-eslint/no-require-imports -- one test for two majors
    const express = require(name) as { (): Express; json(): RequestHandler; text(): RequestHandler };
    const app = express();
    app.use(compression({ threshold: 0 }));
    app.use((_request, response, next) => {
      response.setHeader('access-control-allow-origin', '*');
      next();
    });
    app.use(express.json(), express.text());
    const scope = (request: Request) => request.get('x-tenant') ?? '';
    const guard = forExpress.idempotency(bed.broker(), { ...options, scope });
    app.all('/payments', guard, async (request, response, next) => {
      try {
        await route(
          (status, headers) => {
            response.status(status).set(headers);
          },
          (body) => {
            if (body instanceof Readable) body.pipe(response);
            else if (typeof body === 'object' && !Buffer.isBuffer(body)) response.json(body);
            else response.send(body);
          },
          { body: request.body as unknown, context: forExpress.contextOf(request), raw: response },
        );
      } catch (error) {
        next(error);
      }
    });
    app.use((_error: unknown, _request: Request, response: ExpressResponse, _next: unknown) => {
      response.status(500).send('sorry');
    });
    const server: Server = app.listen(0);
    await once(server, 'listening');
    return opened(server, async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    });
  };
}

export function fastifyShop(bed: Setup, name: string): OpenShop {
  return async (route, options = {}) => {
    // eslint-disable-next-line @typescript-eslint/no-require-imports -- one test for two majors
    const { fastify } = require(name) as { fastify(options: object): FastifyInstance };
    const app: FastifyInstance = fastify({ forceCloseConnections: true });
    app.addHook('onRequest', (_request, reply, done) => {
      void reply.header('access-control-allow-origin', '*');
      done();
    });
    const scope = (request: FastifyRequest) => String(request.headers['x-tenant']);
    const preHandler = forFastify.idempotency(bed.broker(), { ...options, scope });
    app.setErrorHandler((_error, _request, reply) => reply.code(500).send('sorry'));
    app.route({
      method: ['POST', 'GET'],
      url: '/payments',
      preHandler,
      handler: (request: FastifyRequest, reply: FastifyReply) =>
        new Promise((_resolve, reject) => {
          const end = (body?: unknown) => void reply.send(body);
          const head = (status: number, headers: Record<string, string | string[]>) => {
            reply.code(status).headers(headers);
          };
          const seen = {
            body: request.body,
            context: forFastify.contextOf(request),
            raw: reply.raw as never,
          };
          Promise.resolve(route(head, end, seen)).catch(reject);
        }),
    });
    await app.listen({ port: 0, host: '127.0.0.1' });
    return opened(app.server, () => app.close());
  };
}

export function honoShop(bed: Setup): OpenShop {
  return async (route, options = {}) => {
    const app = new Hono();
    app.use(cors({ origin: '*' }));
    const scope = (c: Context) => c.req.header('x-tenant') ?? '';
    app.use('/payments', forHono.idempotency(bed.broker(), { ...options, scope }));
    app.onError((_error, c) => c.text('sorry', 500));
    app.all('/payments', async (c) => {
      const body: unknown = c.req.method === 'GET' ? undefined : await c.req.json();
      const gone = (_event: string, listener: () => void) => {
        c.req.raw.signal.addEventListener('abort', listener);
      };
      return new Promise<Response>((resolve, reject) => {
        const head = (status: number, headers: Record<string, string | string[]>) => {
          c.status(status as 200);
          for (const [name, value] of Object.entries(headers))
            for (const one of [value].flat()) c.header(name, one, { append: name === 'set-cookie' });
        };
        const end = (given?: string | Buffer | Readable | object) => {
          if (given instanceof Readable) resolve(c.body(Readable.toWeb(given) as ReadableStream));
          else if (Buffer.isBuffer(given)) resolve(c.body(new Uint8Array(given)));
          else if (typeof given === 'object') resolve(c.json(given));
          else resolve(given === undefined ? c.body(null) : c.text(given));
        };
        const seen = { body, context: forHono.contextOf(c), raw: { once: gone } as never };
        Promise.resolve()
          .then(() => route(head, end, seen))
          .catch(reject);
      });
    });
    const server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }) as Server;
    await once(server, 'listening');
    return opened(server, async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    });
  };
}

/** The same shop under every framework, by its name. */
export function everyShop(bed: Setup): [name: string, open: OpenShop][] {
  return [
    ['express', expressShop(bed, 'express')],
    ['express4', expressShop(bed, 'express4')],
    ['fastify', fastifyShop(bed, 'fastify')],
    ['fastify4', fastifyShop(bed, 'fastify4')],
    ['hono', honoShop(bed)],
  ];
}
