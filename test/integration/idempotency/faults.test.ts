import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { serve } from '@hono/node-server';
import compression from 'compression';
import express, { type RequestHandler } from 'express';
import { Hono } from 'hono';
import { validator } from 'hono/validator';
import { idempotency as forExpress } from '../../../src/adapters/idempotency/express.js';
import { idempotency as forHono } from '../../../src/adapters/idempotency/hono.js';
import { idempotency, replyCodec } from '../../../src/adapters/idempotency/index.js';
import type { createBroker } from '../../../src/index.js';
import { setup } from '../../helpers/setup.js';
import { until } from '../../helpers/until.js';
import { held, never, payments, post, problem, problemOf } from './requests.js';
import { closeShops, everyShop, postTo } from './shops.js';

const bed = setup();
const servers: Server[] = [];
afterEach(async () => {
  await closeShops();
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

async function opened(server: Server) {
  servers.push(server);
  if (!server.listening) await once(server, 'listening');
  return { base: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}` };
}

describe.each(everyShop(bed))('%s', (name, openShop) => {
  it.each([
    ['throws', () => JSON.parse('no json') as boolean],
    ['answers no boolean', () => Promise.resolve(true) as unknown as boolean],
  ])('shows that storeStatus %s, and does not repeat what was carried out', async (how, storeStatus) => {
    const key = `"faults-${name}-${how}"`;
    let times = 0;
    const shop = await openShop(
      (head, end) => {
        times++;
        head(201, { 'x-mine': '1' });
        end('charged');
      },
      { storeStatus },
    );
    const first = await postTo(shop, key);
    expect([first.status, await first.text(), first.headers.get('x-mine')]).toEqual([500, 'sorry', null]);
    expect(first.headers.get('access-control-allow-origin')).toBe('*');
    const again = await postTo(shop, key);
    expect([again.status, await again.text(), times]).toEqual([201, 'charged', 1]);
  });

  it('sends a 5xx of any size as it is, and its key is free', async () => {
    const key = `"faults-${name}-large"`;
    let times = 0;
    const shop = await openShop(
      (head, end) => {
        head(503, { 'content-type': 'text/plain' });
        end(`${String(++times)} ${'x'.repeat(10_000)}`);
      },
      { maxResponseBytes: 100 },
    );
    for (const time of [1, 2]) {
      const answer = await postTo(shop, key);
      expect([answer.status, await answer.text()]).toEqual([503, `${String(time)} ${'x'.repeat(10_000)}`]);
    }
  });
});

it('tells who waits for a 5xx that was too large to share that it failed, and how', async () => {
  const [here, other] = [bed.broker(), bed.broker()];
  const work = held();
  const key = '"faults-large"';
  const first = payments(here, { maxResponseBytes: 10 }).handle(post({ key }), work.handler);
  await work.began;
  const second = payments(other, { maxResponseBytes: 10 }).handle(post({ key }), never);
  await until('the other replica waits', () => other.stats().waiters === 1);
  work.end.open(new Response('x'.repeat(100), { status: 503 }));
  expect((await first).status).toBe(503);
  const answer = await second;
  expect(await answer.clone().json()).toMatchObject({ originalStatus: 503 });
  expect(await problemOf(answer)).toEqual(problem(500, 'first_request_failed'));
});

function codecThat(encodes: (kept: Uint8Array) => string | Uint8Array): typeof replyCodec {
  return {
    ...replyCodec,
    encode: (value, place) => {
      const bytes = replyCodec.encode(value, place) as Uint8Array;
      return place.field === 'result' ? encodes(bytes) : bytes;
    },
  };
}

it('shows that a codec cannot encode an answer, and does not repeat what was carried out', async () => {
  const codec = codecThat(() => {
    throw new Error('no key for today');
  });
  const options = { codec, type: 'throws' };
  const key = '"faults-codec"';
  const first = payments(bed.broker(), options).handle(post({ key }), () => new Response('charged'));
  await expect(first).rejects.toMatchObject({ code: 'ERR_FLOW_CODEC' });
  await expect(first).rejects.toThrow('no key for today');
  expect(await problemOf(await payments(bed.broker(), options).handle(post({ key }), never))).toEqual(
    problem(500, 'outcome_unknown'),
  );
});

it('does not keep an answer of which its codec makes too much, and does not repeat what was carried out', async () => {
  const codec = codecThat((bytes) => (bytes.length < 100 ? bytes : Buffer.alloc(2_000_000)));
  const options = { codec, type: 'swells' };
  const key = '"faults-codec"';
  const charged = () => new Response('charged'.repeat(20));
  expect((await payments(bed.broker(), options).handle(post({ key }), charged)).status).toBe(200);
  expect(await problemOf(await payments(bed.broker(), options).handle(post({ key }), never))).toEqual(
    problem(500, 'answer_not_kept'),
  );
});

it.each(['wait', 'conflict'] as const)(
  'tells requests with one key apart without Redis too, within a process (%s)',
  async (whilePending) => {
    const dead = bed.broker({ redis: 'redis://127.0.0.1:1', commandTimeoutMs: 100 });
    const open = payments(dead, { onUnavailable: 'run', whilePending });
    const work = held();
    const key = '"faults-away"';
    const first = open.handle(post({ key }), work.handler);
    const early = open.handle(post({ key, body: 'another' }), never);
    await work.began;
    for (const answer of [early, open.handle(post({ key, body: 'another' }), never)])
      expect(await problemOf(await answer)).toEqual(problem(422, 'key_reused'));
    const same = open.handle(post({ key }), never);
    const patient = payments(dead, { onUnavailable: 'run', waitMs: 10 }).handle(post({ key }), never);
    expect(await problemOf(await patient)).toEqual(problem(409, 'in_progress'));
    work.end.open(new Response('done'));
    expect(await (await first).text()).toBe('done');
    if (whilePending === 'wait') expect(await (await same).text()).toBe('done');
    else expect(await problemOf(await same)).toEqual(problem(409, 'in_progress'));
  },
);

it('knows the errors of another copy of the package', async () => {
  const dead = bed.broker({ redis: 'redis://127.0.0.1:1', commandTimeoutMs: 100 });
  const foreign = Object.assign(new Error('of another copy'), { code: 'ERR_FLOW_UNAVAILABLE' });
  const broker = Object.create(dead, {
    define: { value: () => ({ type: 't', run: () => Promise.reject(foreign) }) },
  }) as ReturnType<typeof createBroker>;
  const { handle } = idempotency(broker, { scope: () => '' });
  expect(await problemOf(await handle(post(), never))).toEqual(problem(503, 'unavailable'));
});

it('says at once what to do about a body that was read before', async () => {
  const replica = payments(bed.broker());
  const read = post();
  await read.text();
  const locked = post();
  locked.body!.getReader();
  for (const request of [read, locked])
    await expect(replica.handle(request, never)).rejects.toMatchObject({
      code: 'ERR_FLOW_INVALID_ARGUMENT',
      message: expect.stringContaining('request.clone()') as string,
    });
});

describe('hono, with a body that was read before', () => {
  const bodies: Record<string, [read: (c: never) => unknown, handle: (c: never) => unknown]> = {};
  const on = (kind: 'json' | 'text' | 'arrayBuffer' | 'parseBody' | 'formData') => (c: never) =>
    (c as { req: Record<string, () => unknown> }).req[kind]!();
  bodies['json'] = [on('json'), on('json')];
  bodies['text'] = [on('text'), on('json')];
  bodies['bytes'] = [on('arrayBuffer'), on('text')];
  bodies['parsed form'] = [on('parseBody'), on('parseBody')];
  bodies['form data'] = [on('formData'), on('parseBody')];

  it.each(Object.keys(bodies))('compares what was read as %s', async (kind) => {
    const [read, handle] = bodies[kind]!;
    const app = new Hono();
    let times = 0;
    app.use(async (c, next) => {
      await read(c as never);
      await next();
    });
    if (kind === 'json')
      app.use(
        '/payments',
        validator('json', (value: object) => value),
      );
    app.post('/payments', forHono(bed.broker(), { scope: () => '', type: 'read' }), async (c) => {
      times++;
      return c.json((await handle(c as never)) as object);
    });
    const shop = await opened(serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }) as Server);
    const send = (amount: string) => {
      const form = new FormData();
      form.set('amount', amount);
      form.set('proof', new Blob([`of ${amount}`]), 'proof.txt');
      const body = kind.includes('form') ? form : JSON.stringify({ amount });
      return fetch(`${shop.base}/payments`, {
        method: 'POST',
        body,
        headers: {
          'idempotency-key': `"${kind}"`,
          ...(kind.includes('form') ? {} : { 'content-type': 'application/json' }),
        },
      });
    };
    const answers = [await send('1'), await send('1')];
    expect(answers.map(({ status }) => status)).toEqual([200, 200]);
    for (const answer of answers) expect(await answer.text()).toContain('1');
    expect((await send('2')).status).toBe(422);
    expect(times).toBe(1);
  });

  it('has its error handler say so where the request itself was read', async () => {
    const app = new Hono();
    app.use(async (c, next) => {
      await c.req.raw.text();
      await next();
    });
    app.onError((error, c) => c.text(error.message, 500));
    app.post('/payments', forHono(bed.broker(), { scope: () => '' }), never);
    const shop = await opened(serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }) as Server);
    const answer = await postTo(shop, '"raw"');
    expect([answer.status, await answer.text()]).toEqual([500, expect.stringContaining('request.clone()')]);
  });
});

describe('express, with other middlewares', () => {
  async function shopOf(
    before: RequestHandler[],
    after: RequestHandler[],
    route: RequestHandler,
    options = {},
  ) {
    const app = express();
    const errors: unknown[] = [];
    const once = forExpress(bed.broker(), { scope: () => '', type: bed.id(), ...options });
    app.post('/payments', express.json(), ...before, once, ...after, route);
    app.use(((error: unknown, _request, response, next) => {
      errors.push(error);
      if (response.headersSent) next(error);
      else response.status(500).send('sorry');
    }) as express.ErrorRequestHandler);
    app.set('env', 'test');
    const shop = await opened(app.listen(0));
    return { shop, errors };
  }

  it('gives next what fails since something else has answered', async () => {
    let answer: () => void = () => undefined;
    const keeps: RequestHandler = (_request, response, next) => {
      const end = response.end.bind(response);
      answer = () => end('of a timeout');
      next();
    };
    const before = await shopOf([keeps], [], (_request, response) => {
      answer();
      response.send('too late');
    });
    const behind = await shopOf([keeps], [], (_request, response) => {
      response.end('too late');
      answer();
    });
    for (const { shop, errors } of [before, behind]) {
      expect(await (await postTo(shop, '"beneath"')).text()).toBe('of a timeout');
      await until('next has it', () => errors.length === 1);
      expect(errors).toMatchObject([{ code: 'ERR_HTTP_HEADERS_SENT' }]);
    }
    // A replay that comes too late as well.
    const early: RequestHandler = (request, response, next) => {
      if (request.get('x-early')) response.send('early');
      next();
    };
    const second = await shopOf([early], [], (_request, response) => void response.send('paid'));
    await (await postTo(second.shop, '"early"')).text();
    await (await postTo(second.shop, '"early"', undefined, { headers: { 'x-early': '1' } })).text();
    await until('next has it too', () => second.errors.length === 1);
  });

  const identity = (_request: unknown, _response: unknown, next: () => void) => {
    next();
  };

  it.each([
    ['behind it', 1_000_000, 0],
    ['behind it, above the limit', 100, 0],
    ['before something that ends responses later', 1_000_000, 1],
  ])('lets what compresses stand %s', async (_where, maxResponseBytes, later) => {
    const endsLater: RequestHandler = (_request, response, next) => {
      const end = response.end.bind(response) as (...given: unknown[]) => unknown;
      response.end = ((...given: unknown[]) => {
        setImmediate(() => end(...given));
        return response;
      }) as never;
      next();
    };
    const compress = compression({ threshold: 0 });
    const { shop } = await shopOf(
      later ? [compress, endsLater] : [identity],
      later ? [] : [compress],
      (_request, response) => {
        response.type('text');
        for (let part = 0; part < 50; part++) response.write('x'.repeat(10_000));
        response.end('end');
      },
      { maxResponseBytes },
    );
    for (const replayed of maxResponseBytes === 100 ? [null] : [null, 'true']) {
      const answer = await postTo(shop, '"compressed"', {}, { headers: { 'accept-encoding': 'gzip' } });
      expect(answer.headers.get('content-encoding')).toBe('gzip');
      expect(answer.headers.get('idempotency-replayed')).toBe(replayed);
      expect((await answer.text()).length).toBe(500_003);
    }
  });

  it('lets what looks at heads behind it see that of an answer that has none of its own', async () => {
    const stamps: RequestHandler = (_request, response, next) => {
      const writeHead = response.writeHead.bind(response) as (...given: unknown[]) => never;
      response.writeHead = ((...given: unknown[]) => {
        response.setHeader('x-stamped', '1');
        return writeHead(...given);
      }) as never;
      next();
    };
    const { shop } = await shopOf([], [stamps], (_request, response) => void response.end('ok'));
    for (let time = 0; time < 2; time++)
      expect((await postTo(shop, '"stamped"')).headers.get('x-stamped')).toBe('1');
  });
});
