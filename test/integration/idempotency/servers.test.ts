import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { replyCodec } from '../../../src/adapters/idempotency/index.js';
import { setup } from '../../helpers/setup.js';
import { latch } from '../../helpers/until.js';
import { closeShops, everyShop, expressShop, postTo as post, type Route } from './shops.js';

const bed = setup();
afterEach(closeShops);

describe.each(everyShop(bed))('%s', (name, openShop) => {
  const key = (text: string): string => `"${name}-${text}"`;

  it('runs a route once for two replicas, and replays status, headers and body', async () => {
    let charges = 0;
    const route: Route = (head, end, { body, context }) => {
      head(201, { location: '/payments/1', 'set-cookie': ['a=1', 'b=2'], vary: 'accept' });
      end({ id: ++charges, body, key: context?.key });
    };
    const [one, two] = [await openShop(route), await openShop(route)];
    const first = await post(one, key('once'));
    expect(first.headers.getSetCookie()).toEqual(['a=1', 'b=2']);
    expect(first.headers.has('idempotency-replayed')).toBe(false);
    const whole = await first.json();
    expect(whole).toEqual({ id: 1, body: { amount: 1200 }, key: `${name}-once` });
    for (const shop of [one, two]) {
      const again = await post(shop, key('once'));
      expect(again.status).toBe(201);
      expect(again.headers.get('idempotency-replayed')).toBe('true');
      expect(again.headers.get('location')).toBe('/payments/1');
      expect(again.headers.get('content-type')).toMatch(/^application\/json/);
      expect(again.headers.get('access-control-allow-origin')).toBe('*');
      expect(again.headers.getSetCookie()).toEqual([]);
      expect(await again.json()).toEqual(whole);
    }
    expect(charges).toBe(1);
  });

  it('answers 400 without a key, 422 to another body, 409 while one is at work', async () => {
    const [began, end] = [latch(), latch()];
    const route: Route = async (_head, answer) => {
      began.open();
      await end.opened;
      answer('paid');
    };
    const [one, two] = [
      await openShop(route, { whilePending: 'conflict' }),
      await openShop(route, { whilePending: 'conflict' }),
    ];
    expect((await post(one, undefined)).status).toBe(400);
    const first = post(one, key('busy'));
    await began.opened;
    for (const shop of [one, two]) {
      const busy = await post(shop, key('busy'));
      expect(busy.headers.get('content-type')).toMatch(/^application\/problem\+json/);
      expect([busy.status, await busy.json()]).toMatchObject([409, { code: 'in_progress' }]);
      expect(busy.headers.get('access-control-allow-origin')).toBe('*');
      expect((await post(shop, key('busy'), { amount: 1 })).status).toBe(422);
    }
    end.open();
    expect(await (await first).text()).toBe('paid');
    expect(await (await post(two, key('busy'))).text()).toBe('paid');
  });

  it('replays binary bodies, streams and empty ones byte for byte', async () => {
    const bytes = Buffer.from(Array.from({ length: 100_000 }, (_none, at) => at % 256));
    const bodies: Record<string, () => Buffer | Readable | undefined> = {
      buffer: () => bytes,
      stream: () => Readable.from([bytes.subarray(0, 70_000), bytes.subarray(70_000)]),
      empty: () => undefined,
    };
    const route: Route = (head, end, { body }) => {
      const { kind } = body as { kind: string };
      head(
        kind === 'empty' ? 204 : 200,
        kind === 'empty' ? {} : { 'content-type': 'application/octet-stream' },
      );
      end(bodies[kind]!());
    };
    const shop = await openShop(route);
    for (const kind of ['buffer', 'stream', 'empty']) {
      const answers = [await post(shop, key(kind), { kind }), await post(shop, key(kind), { kind })];
      expect(answers.map((answer) => answer.headers.get('idempotency-replayed'))).toEqual([null, 'true']);
      for (const answer of answers) {
        expect(answer.status).toBe(kind === 'empty' ? 204 : 200);
        expect(
          Buffer.from(await answer.arrayBuffer()).equals(kind === 'empty' ? Buffer.alloc(0) : bytes),
        ).toBe(true);
      }
    }
  });

  it('sends an answer above the limit whole to its own client, as it comes', async () => {
    const rest = latch();
    const parts = Array.from({ length: 40 }, (_none, at) =>
      Buffer.alloc(50_000, String.fromCharCode(64 + at)),
    );
    const route: Route = (head, end) => {
      head(200, { 'content-type': 'application/octet-stream' });
      end(
        Readable.from(
          (async function* () {
            yield Buffer.alloc(3_000, 'a');
            await rest.opened;
            yield* parts;
          })(),
        ),
      );
    };
    const shop = await openShop(route, { maxResponseBytes: 2_000 });
    const first = await post(shop, key('large'), {}, { headers: { 'accept-encoding': 'identity' } });
    const reader = first.body!.getReader() as ReadableStreamDefaultReader<Uint8Array>;
    expect((await reader.read()).value?.length).toBe(3_000);
    rest.open();
    const chunks: Uint8Array[] = [];
    for (;;) {
      const { done, value } = (await reader.read()) as { done: boolean; value?: Uint8Array };
      if (done) break;
      chunks.push(value!);
    }
    expect(Buffer.concat(chunks).equals(Buffer.concat(parts))).toBe(true);
    expect((await post(shop, key('large'), {})).status).toBe(500);
  });

  it('sends what the handler wrote before and after the limit in its order', async () => {
    const lines = Array.from({ length: 400 }, (_none, at) => `${String(at)}\n`.padStart(200, '.'));
    const route: Route = (head, end) => {
      head(200, { 'content-type': 'text/plain' });
      end(
        Readable.from(
          (async function* () {
            for (const line of lines) {
              yield Buffer.from(line);
              await new Promise(setImmediate);
            }
          })(),
        ),
      );
    };
    const shop = await openShop(route, { maxResponseBytes: 1_000 });
    expect(await (await post(shop, key('order'))).text()).toBe(lines.join(''));
  });

  it('keeps no answer of an error handler, and the key is free again', async () => {
    let times = 0;
    const route: Route = (_head, end) => {
      if (++times === 1) throw new Error('down');
      end('up');
    };
    const shop = await openShop(route);
    const failed = await post(shop, key('error'));
    expect([failed.status, await failed.text()]).toEqual([500, 'sorry']);
    expect(await (await post(shop, key('error'))).text()).toBe('up');
    expect(await (await post(shop, key('error'))).text()).toBe('up');
    expect(times).toBe(2);
  });

  it('finishes for a client that has gone, and keeps the answer', async () => {
    const [began, gone, end] = [latch<AbortSignal | undefined>(), latch(), latch()];
    let times = 0;
    const route: Route = async (_head, answer, { context, raw }) => {
      times++;
      raw.once('close', () => gone.open());
      began.open(context?.signal);
      await end.opened;
      answer('charged');
    };
    const shop = await openShop(route);
    const leaving = new AbortController();
    const left = post(shop, key('gone'), {}, { signal: leaving.signal });
    const signal = await began.opened;
    leaving.abort();
    await expect(left).rejects.toThrow();
    await gone.opened;
    expect(signal?.aborted).toBe(false);
    const again = post(shop, key('gone'), {});
    end.open();
    expect(await (await again).text()).toBe('charged');
    expect(times).toBe(1);
  });

  it('answers when the handler takes too long, whatever it writes later', async () => {
    const [late, written] = [latch(), latch()];
    const route: Route = async (head, end) => {
      await late.opened;
      try {
        head(200, { 'x-late': '1' });
        end('too late');
      } finally {
        written.open();
      }
    };
    const shop = await openShop(route, { timeoutMs: 50, leaseMs: 100 });
    const answer = await post(shop, key('late'));
    expect([answer.status, await answer.json()]).toMatchObject([500, { code: 'outcome_unknown' }]);
    expect(answer.headers.get('access-control-allow-origin')).toBe('*');
    late.open();
    await written.opened;
    expect((await post(shop, key('late'))).status).toBe(500);
  });

  it('shows nothing of an answer that does not stand', async () => {
    const [began, end] = [latch<string>(), latch()];
    const route: Route = async (head, answer, { context }) => {
      began.open(context!.id);
      await end.opened;
      head(201, { location: '/mine', 'x-mine': '1' });
      answer('mine');
    };
    const shop = await openShop(route);
    const first = post(shop, key('settled'));
    const id = await began.opened;
    const keys = bed.broker().define('idempotency', { codec: replyCodec });
    const stands = { status: 418, headers: [['location', '/theirs']], body: Buffer.from('theirs') };
    await keys.complete(id, stands);
    end.open();
    const answer = await first;
    expect([answer.status, await answer.text()]).toEqual([418, 'theirs']);
    expect(answer.headers.get('location')).toBe('/theirs');
    expect(answer.headers.get('x-mine')).toBeNull();
    expect(answer.headers.get('access-control-allow-origin')).toBe('*');
  });

  it('lets other methods pass', async () => {
    const shop = await openShop((_head, end, { context }) => {
      end(context ? 'takes part' : 'passes');
    });
    expect(await (await fetch(`${shop.base}/payments`)).text()).toBe('passes');
  });

  it('reads a key that came in two header lines as none that it can read', async () => {
    const shop = await openShop(() => undefined);
    const request = httpRequest(`${shop.base}/payments`, {
      method: 'POST',
      headers: { 'idempotency-key': ['"a"', '"b"'] },
    });
    request.end();
    const [answer] = (await once(request, 'response')) as [IncomingMessage];
    expect(answer.statusCode).toBe(400);
    expect(await text(answer)).toContain('key_malformed');
  });
});

it.each(['express', 'express4'])('says so when no parser took the body (%s)', async (name) => {
  const shop = await expressShop(bed, name)(() => undefined);
  const odd = await post(shop, '"odd"', {}, { headers: { 'content-type': 'application/x-odd' } });
  expect([odd.status, await odd.json()]).toMatchObject([415, { code: 'body_unreadable' }]);
});

it('lets what compresses answers do so for each client', async () => {
  const shop = await expressShop(
    bed,
    'express',
  )((_head, end) => {
    end('x'.repeat(10_000));
  });
  for (const encoding of ['gzip', 'identity', 'gzip']) {
    const answer = await post(shop, '"compressed"', {}, { headers: { 'accept-encoding': encoding } });
    expect(answer.headers.get('content-encoding') ?? 'identity').toBe(encoding);
    expect(await answer.text()).toBe('x'.repeat(10_000));
  }
});
