import { randomBytes } from 'node:crypto';
import { setup } from '../../helpers/setup.js';
import { latch, until } from '../../helpers/until.js';
import { held, never, payments, post, problem, problemOf } from './requests.js';

const bed = setup();

function pair(options: Parameters<typeof payments>[1] = {}) {
  const [a, b] = [bed.broker(), bed.broker()];
  return { a, b, here: payments(a, options), there: payments(b, options) };
}

it('carries a key out once, and gives repetitions the kept answer, wherever they come', async () => {
  const { here, there } = pair();
  const key = '"k-1"';
  let charges = 0;
  const body = randomBytes(1_000); // any bytes, not only text
  const charge = async (request: Request) => {
    expect(await request.json()).toEqual({ amount: 1200 });
    charges++;
    return new Response(body, {
      status: 201,
      headers: { location: '/payments/1', 'content-type': 'image/png' },
    });
  };
  const first = await here.handle(post({ key }), charge);
  expect(first.headers.has('idempotency-replayed')).toBe(false);
  for (const replica of [here, there]) {
    const again = await replica.handle(post({ key }), never);
    expect(again.status).toBe(201);
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    expect(again.headers.get('location')).toBe('/payments/1');
    expect(again.headers.get('content-type')).toBe('image/png');
    expect(Buffer.from(await again.arrayBuffer()).equals(body)).toBe(true);
  }
  expect(Buffer.from(await first.arrayBuffer()).equals(body)).toBe(true);
  expect(charges).toBe(1);
});

it('lets repetitions wait while the first is at work, here and elsewhere', async () => {
  const { a, b, here, there } = pair();
  const key = '"k-2"';
  const work = held();
  const first = here.handle(post({ key }), work.handler);
  await work.began;
  const others = [here, there, there].map((replica) => replica.handle(post({ key }), never));
  await until('the other replica waits', () => b.stats().waiters === 1);
  work.end.open(Response.json({ paid: true }, { status: 202 }));
  const answers = await Promise.all([first, ...others]);
  expect(answers.map(({ status }) => status)).toEqual([202, 202, 202, 202]);
  expect(await Promise.all(answers.map((answer) => answer.json()))).toEqual(
    answers.map(() => ({ paid: true })),
  );
  expect(work.runs).toBe(1);
  expect(a.stats().handlers).toBe(0);
});

it.each(['wait', 'conflict'] as const)(
  'refuses another body with 422 at once while the first is at work (%s), and after it',
  async (whilePending) => {
    const { here, there } = pair({ whilePending });
    const key = `"k-3-${whilePending}"`;
    const work = held();
    const first = here.handle(post({ key }), work.handler);
    await work.began;
    const changed = [
      { body: '{"amount":9900}' },
      { path: '/refunds' },
      { path: '/payments?dry=1' },
      { method: 'PATCH' },
    ];
    for (const change of changed)
      for (const replica of [here, there])
        expect(await problemOf(await replica.handle(post({ key, ...change }), never))).toEqual(
          problem(422, 'key_reused'),
        );
    work.end.open(new Response('done'));
    expect(await (await first).text()).toBe('done');
    expect(await problemOf(await there.handle(post({ key, body: 'x' }), never))).toEqual(
      problem(422, 'key_reused'),
    );
    expect(await (await there.handle(post({ key }), never)).text()).toBe('done');
  },
);

it('answers a repetition with 409 at once where it should not wait, and later with the answer', async () => {
  const { here, there } = pair({ whilePending: 'conflict' });
  const key = '"k-4"';
  const work = held();
  const first = here.handle(post({ key }), work.handler);
  await work.began;
  for (const replica of [here, there]) {
    const answer = await replica.handle(post({ key }), never);
    expect(answer.headers.get('retry-after')).toBe('1');
    expect(await problemOf(answer)).toEqual(problem(409, 'in_progress'));
  }
  work.end.open(new Response('done'));
  await first;
  expect(await (await there.handle(post({ key }), never)).text()).toBe('done');
});

it('answers 409 when a repetition waited long enough, and the first goes on', async () => {
  const { here, there } = pair({ waitMs: 20 });
  const key = '"k-5"';
  const work = held();
  const first = here.handle(post({ key }), work.handler);
  const signal = await work.began;
  for (const replica of [here, there])
    expect(await problemOf(await replica.handle(post({ key }), never))).toEqual(problem(409, 'in_progress'));
  expect(signal?.aborted).toBe(false);
  work.end.open(new Response('done'));
  expect(await (await first).text()).toBe('done');
});

it('keeps the keys of two callers apart', async () => {
  const { here, there } = pair();
  const key = '"k-6"';
  const answer = (text: string) => () => new Response(text);
  expect(await (await here.handle(post({ key, tenant: 'a' }), answer('for a'))).text()).toBe('for a');
  expect(await (await there.handle(post({ key, tenant: 'b', body: 'other' }), answer('for b'))).text()).toBe(
    'for b',
  );
  expect(await (await there.handle(post({ key, tenant: 'a' }), never)).text()).toBe('for a');
});

it('refuses a missing key with 400, and one that cannot be read', async () => {
  const { here } = pair();
  expect(await problemOf(await here.handle(post({ key: null }), never))).toEqual(problem(400, 'key_missing'));
  for (const key of ['"a', 'a b', '"a", "b"', '""', `"${'x'.repeat(256)}"`])
    expect(await problemOf(await here.handle(post({ key }), never))).toEqual(problem(400, 'key_malformed'));
  const strict = payments(bed.broker(), { bareKeys: false });
  expect(await problemOf(await strict.handle(post({ key: 'abc' }), never))).toEqual(
    problem(400, 'key_malformed'),
  );
});

it('takes a bare key for the same as the quoted one', async () => {
  const { here, there } = pair();
  await here.handle(post({ key: 'k-7' }), () => new Response('once'));
  expect(await (await there.handle(post({ key: '"k-7"; v=1' }), never)).text()).toBe('once');
});

it('lets pass what takes no part: other methods, and requests without a key where none is needed', async () => {
  const { here } = pair();
  const open = payments(bed.broker(), { required: (request) => request.headers.has('x-strict') });
  const plain = (_request: Request, context: unknown) => new Response(String(context));
  for (let time = 1; time <= 2; time++) {
    const get = await here.handle(post({ method: 'GET', key: '"k-8"' }), plain);
    expect(get.headers.has('idempotency-replayed')).toBe(false);
    expect(await get.text()).toBe('undefined');
    expect(await (await open.handle(post({ key: null }), plain)).text()).toBe('undefined');
  }
  const strict = post({ key: null, headers: { 'x-strict': '1' } });
  expect(await problemOf(await open.handle(strict, never))).toEqual(problem(400, 'key_missing'));
});

it('keeps no cookies, no dates, nothing of the connection, and what is denied; the first caller gets all', async () => {
  const { here, there } = pair({ denyHeaders: ['X-Debug'] });
  const key = '"k-9"';
  const headers: [string, string][] = [
    ['set-cookie', 'a=1'],
    ['set-cookie', 'b=2'],
    ['date', 'Sun, 06 Nov 1994 08:49:37 GMT'],
    ['connection', 'keep-alive, x-hop'],
    ['x-hop', '1'],
    ['x-debug', '1'],
    ['x-kept', '1'],
  ];
  const first = await here.handle(post({ key }), () => new Response('x', { headers }));
  expect([...first.headers.keys()].sort()).toEqual(
    ['connection', 'content-type', 'date', 'set-cookie', 'set-cookie', 'x-debug', 'x-hop', 'x-kept'].sort(),
  );
  const again = await there.handle(post({ key }), never);
  expect([...again.headers.keys()].sort()).toEqual(['content-type', 'idempotency-replayed', 'x-kept']);

  const only = payments(bed.broker(), { allowHeaders: ['Set-Cookie', 'Connection'], type: 'only' });
  await only.handle(post({ key }), () => new Response('x', { headers }));
  expect([...(await only.handle(post({ key }), never)).headers]).toEqual([
    ['idempotency-replayed', 'true'],
    ['set-cookie', 'a=1'],
    ['set-cookie', 'b=2'],
  ]);
});

it.each([204, 304])('replays a %i, which has no body', async (status) => {
  const { here, there } = pair();
  const key = `"k-10-${String(status)}"`;
  expect((await here.handle(post({ key }), () => new Response(null, { status }))).status).toBe(status);
  const again = await there.handle(post({ key }), never);
  expect([again.status, await again.text()]).toEqual([status, '']);
});

it('compares what it is told to compare', async () => {
  const fingerprint = (_request: Request, body: Uint8Array) =>
    String((JSON.parse(Buffer.from(body).toString()) as { amount: number }).amount);
  const { here, there } = pair({ fingerprint });
  const key = '"k-11"';
  await here.handle(post({ key, body: '{"amount":5,"at":1}' }), () => new Response('x'));
  expect((await there.handle(post({ key, body: '{"at":2, "amount":5}' }), never)).status).toBe(200);
  expect((await there.handle(post({ key, body: '{"amount":6}' }), never)).status).toBe(422);
});

it('refuses a body above the limit with 413, whether or not its length is told', async () => {
  const { here } = pair({ maxRequestBytes: 10 });
  expect(await problemOf(await here.handle(post({ body: 'x'.repeat(11) }), never))).toEqual(
    problem(413, 'body_too_large'),
  );
  const stream = new ReadableStream({
    start(controller) {
      controller.enqueue(new Uint8Array(6));
      controller.enqueue(new Uint8Array(6));
      controller.close();
    },
  });
  const untold = new Request('http://shop.test/', {
    method: 'POST',
    body: stream,
    duplex: 'half',
    headers: { 'idempotency-key': '"x"' },
  });
  expect((await here.handle(untold, never)).status).toBe(413);
  expect((await here.handle(post({ body: 'x'.repeat(10) }), () => new Response())).status).toBe(200);
});

it('gives the first caller an answer of any size as it comes; repetitions learn that it was not kept', async () => {
  const { here, there } = pair({ maxResponseBytes: 1_000 });
  const key = '"k-12"';
  const rest = latch();
  const stream = new ReadableStream({
    async start(controller) {
      controller.enqueue(new Uint8Array(1_001).fill(1));
      await rest.opened;
      controller.enqueue(new Uint8Array(500).fill(2));
      controller.close();
    },
  });
  const first = await here.handle(post({ key }), () => new Response(stream, { status: 201 }));
  expect(first.status).toBe(201);
  const answer = await there.handle(post({ key }), never);
  const text = await answer.clone().text();
  expect(JSON.parse(text)).toMatchObject({ originalStatus: 201 });
  expect(await problemOf(answer)).toEqual(problem(500, 'answer_not_kept'));
  rest.open();
  expect((await first.arrayBuffer()).byteLength).toBe(1_501);
});

it('says where a problem is explained', async () => {
  const documentation = 'https://shop.test/docs/idempotency';
  const { here } = pair({ documentation });
  const answer = await here.handle(post({ key: null }), never);
  expect(answer.headers.get('link')).toBe(`<${documentation}>; rel="describedby"`);
  expect(await answer.json()).toMatchObject({
    type: `${documentation}#key_missing`,
    title: 'Idempotency-Key is missing',
  });
});
