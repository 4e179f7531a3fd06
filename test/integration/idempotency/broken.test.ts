import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { PassThrough, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { readRecord } from '../../helpers/record.js';
import { setup } from '../../helpers/setup.js';
import { latch, until } from '../../helpers/until.js';
import { closeShops, everyShop, postTo, type Route } from './shops.js';

const bed = setup();
afterEach(closeShops);

const plain = { headers: { 'accept-encoding': 'identity' } };

/** Some bytes, and then an error. */
function failing(): Readable {
  return Readable.from(
    (async function* () {
      yield Buffer.from('half of it');
      throw new Error('the source failed');
    })(),
  );
}

// Hono gives a route no answer of its own that could break.
const frameworks = everyShop(bed).filter(([name]) => name !== 'hono');

describe.each(frameworks)('%s', (name, openShop) => {
  const key = (text: string): string => `"broken-${name}-${text}"`;

  const breaks: Record<string, (raw: ServerResponse, end: Parameters<Route>[1]) => unknown> = {
    'destroyed in the middle of its body': (raw) => {
      raw.writeHead(200);
      raw.write('half of it');
      raw.destroy(new Error('broken off'));
    },
    'destroyed before it began': (raw) => raw.destroy(),
    'written by a pipeline that fails': (raw) => pipeline(failing(), raw).catch(() => undefined),
    ...(name.startsWith('express')
      ? {
          'begun by a handler that throws then': (raw) => {
            raw.write('half of it');
            throw new Error('no more');
          },
        }
      : { 'a stream that fails': (_raw, end) => end(failing()) }),
  };

  it.each(Object.keys(breaks))('keeps no answer that is %s, and the key is free', async (how) => {
    let times = 0;
    let record = '';
    const route: Route = (_head, end, { raw, context }) => {
      record = `flow:{idempotency:${context!.id}}`;
      if (++times === 1) return breaks[how]!(raw, end);
      end('whole');
      return undefined;
    };
    const shop = await openShop(route);
    await expect(postTo(shop, key(how), {}, plain).then((answer) => answer.text())).rejects.toThrow();
    // Express destroys the connection itself, and does not wait for the key.
    if (how.includes('throws'))
      await until('it failed', async () => (await readRecord(bed.admin, record))?.['status'] === 'FAILED');
    for (const replayed of [null, 'true']) {
      let again = await postTo(shop, key(how), {}, plain);
      // Redis may know of the failure a moment before the shop does: who comes between shares it, and may repeat.
      while (replayed === null && again.status === 500) again = await postTo(shop, key(how), {}, plain);
      expect([again.status, await again.text()]).toEqual([200, 'whole']);
      expect(again.headers.get('idempotency-replayed')).toBe(replayed);
    }
    expect(times).toBe(2);
  });

  it('tells who waits for an answer that breaks off that it failed', async () => {
    const [began, end] = [latch<string>(), latch()];
    const shop = await openShop(async (_head, _end, { raw, context }) => {
      raw.write('half of it');
      began.open(`flow:{idempotency:${context!.id}}`);
      await end.opened;
      raw.destroy();
    });
    const first = postTo(shop, key('waits'), {}, plain).then((answer) => answer.text());
    const broken = expect(first).rejects.toThrow();
    const channel = await began.opened;
    const second = postTo(await openShop(() => undefined), key('waits'), {});
    await until('both listen', async () => (await bed.admin.pubsub('NUMSUB', channel))[1] === 2);
    end.open();
    await broken;
    const answer = await second;
    expect([answer.status, await answer.json()]).toMatchObject([500, { code: 'first_request_failed' }]);
  });

  it.each(['pipe', 'pipeline', 'pipeline of a generator'])(
    'lets a %s go on when the client leaves in the middle, and keeps the answer',
    async (how) => {
      const [gone, began, more] = [latch(), latch(), latch()];
      let times = 0;
      const parts = async function* () {
        began.open();
        if (how.includes('generator')) await more.opened;
        yield Buffer.alloc(100_000, 'a');
        await more.opened;
        yield Buffer.alloc(100_000, 'b');
      };
      const shop = await openShop((_head, end, { raw }) => {
        times++;
        raw.socket!.once('close', () => gone.open());
        if (how === 'pipe') end(Readable.from(parts()));
        else pipeline(how === 'pipeline' ? Readable.from(parts()) : parts, raw).catch(() => undefined);
      });
      const leaving = new AbortController();
      const left = postTo(shop, key(how), {}, { ...plain, signal: leaving.signal });
      await began.opened;
      leaving.abort();
      await expect(left).rejects.toThrow();
      await gone.opened;
      more.open();
      const again = await postTo(shop, key(how), {}, plain);
      expect(await again.text()).toBe('a'.repeat(100_000) + 'b'.repeat(100_000));
      expect([times, again.headers.get('idempotency-replayed')]).toEqual([1, 'true']);
    },
  );

  it('breaks off the writer of an answer above the limit when its client leaves', async () => {
    const source = new PassThrough();
    const shop = await openShop(
      (_head, end) => {
        end(source);
      },
      { maxResponseBytes: 10 },
    );
    const leaving = new AbortController();
    source.write(Buffer.alloc(1_000));
    const answer = await postTo(shop, key('left'), {}, { ...plain, signal: leaving.signal });
    leaving.abort();
    const writing = setInterval(() => source.write(Buffer.alloc(1_000)), 5);
    await until('nobody reads the source', () => source.destroyed || source.listenerCount('data') === 0);
    clearInterval(writing);
    await expect(answer.text()).rejects.toThrow();
  });

  it('lets a writer wait for drain again and again, and forget it', async () => {
    let forgotten = 0;
    const forget = () => {
      forgotten++;
    };
    const shop = await openShop(
      async (_head, _end, { raw }) => {
        raw.setHeader('content-type', 'text/plain');
        raw.once('drain', forget).off('drain', forget);
        raw.on('drain', forget).removeListener('drain', forget);
        for (let part = 0; part < 40; part++)
          if (!raw.write(Buffer.alloc(60_000, 'x'))) await once(raw, 'drain');
        raw.end();
      },
      { maxResponseBytes: 100_000 },
    );
    for (const encoding of ['identity', 'gzip']) {
      const headers = { 'accept-encoding': encoding };
      const answer = await postTo(shop, key(`drain-${encoding}`), {}, { headers });
      expect((await answer.text()).length).toBe(40 * 60_000);
    }
    expect(forgotten).toBe(0);
  });

  it('sends headers in every form that writeHead takes, and refuses what comes too late as Node does', async () => {
    const late: unknown[] = [];
    const codeOf = (call: () => unknown) => {
      try {
        call();
      } catch (error) {
        late.push((error as { code: string }).code);
      }
    };
    const shop = await openShop((_head, _end, { raw }) => {
      codeOf(() => raw.writeHead(99));
      raw.writeHead(202, 'Fine', ['Set-Cookie', ['a=1', 'b=2'], 'X-One', '1'] as never);
      late.push(raw.headersSent);
      codeOf(() => raw.writeHead(500));
      codeOf(() => raw.setHeader('x-late', '1'));
      raw.end('ok');
      late.push(raw.writableEnded);
    });
    const answer = await postTo(shop, key('heads'), {});
    expect([answer.status, answer.statusText, await answer.text()]).toEqual([202, 'Fine', 'ok']);
    expect(answer.headers.getSetCookie()).toEqual(['a=1', 'b=2']);
    expect([answer.headers.get('x-one'), answer.headers.get('x-late')]).toEqual(['1', null]);
    expect(late).toEqual([
      'ERR_HTTP_INVALID_STATUS_CODE',
      true,
      'ERR_HTTP_HEADERS_SENT',
      'ERR_HTTP_HEADERS_SENT',
      true,
    ]);
  });

  it('sends the trailers that the handler announced', async () => {
    const shop = await openShop((_head, _end, { raw }) => {
      raw.writeHead(200, { trailer: 'x-sum' });
      raw.write('body');
      raw.addTrailers({ 'x-sum': '42' });
      raw.end();
    });
    const answer = await postTo(shop, key('trailers'), {}, plain);
    expect(await answer.text()).toBe('body');
    expect((await postTo(shop, key('trailers'), {}, plain)).headers.get('trailer')).toBeNull();
  });
});
