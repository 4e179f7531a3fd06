import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { idempotencyFlowId, replyCodec } from '../../../src/adapters/idempotency/index.js';
import { sealedCodec } from '../../../src/index.js';
import { setup } from '../../helpers/setup.js';
import { latch, until } from '../../helpers/until.js';
import { held, never, payments, post, problem, problemOf } from './requests.js';

const bed = setup();

function pair(options: Parameters<typeof payments>[1] = {}) {
  const [a, b] = [bed.broker(), bed.broker()];
  return { a, b, here: payments(a, options), there: payments(b, options) };
}

/** A replica whose connection the test can cut for good, as if its process had died. */
function mortal(options: Parameters<typeof payments>[1] = {}) {
  const redis = bed.client();
  const broker = bed.broker({ redis, commandTimeoutMs: 200 });
  return { broker, replica: payments(broker, options), die: () => redis.disconnect() };
}

it('gives a 5xx to those who wait, keeps it for nobody else, and the key is free again', async () => {
  const { b, here, there } = pair();
  const key = '"e-1"';
  const work = held();
  const first = here.handle(post({ key }), work.handler);
  await work.began;
  const other = there.handle(post({ key }), never);
  await until('the other replica waits', () => b.stats().waiters === 1);
  work.end.open(new Response('not today', { status: 503 }));
  for (const answer of await Promise.all([first, other]))
    expect([answer.status, await answer.text()]).toEqual([503, 'not today']);
  const again = await there.handle(post({ key, body: 'another' }), () => new Response('today'));
  expect([again.status, await again.text()]).toEqual([200, 'today']);
});

it('keeps what storeStatus says is final', async () => {
  const { here, there } = pair({ storeStatus: (status) => status !== 429 });
  await here.handle(post({ key: '"e-2"' }), () => new Response('', { status: 500 }));
  expect((await there.handle(post({ key: '"e-2"' }), never)).status).toBe(500);
  await here.handle(post({ key: '"e-3"' }), () => new Response('', { status: 429 }));
  expect((await there.handle(post({ key: '"e-3"' }), () => new Response('ok'))).status).toBe(200);
});

it('rejects with what the handler threw, tells those who wait no more than that it failed, and the key is free', async () => {
  const { b, here, there } = pair();
  const key = '"e-4"';
  const [began, end] = [latch(), latch()];
  const error = Object.assign(new Error('secret of the handler'), { data: 'more secrets' });
  const first = here.handle(post({ key }), async () => {
    began.open();
    await end.opened;
    throw error;
  });
  await began.opened;
  const other = there.handle(post({ key }), never);
  await until('the other replica waits', () => b.stats().waiters === 1);
  const stored = await bed.admin.get(`flow:{idempotency:${idempotencyFlowId('acme', 'e-4')}}`);
  end.open();
  await expect(first).rejects.toBe(error);
  expect(await problemOf(await other)).toEqual(problem(500, 'first_request_failed'));
  expect(stored).not.toContain('secret');
  expect((await there.handle(post({ key }), () => new Response('now'))).status).toBe(200);
});

it('does not repeat what a process left unfinished: the outcome is unknown, for all and for later ones', async () => {
  const { broker, replica, die } = mortal({ leaseMs: 300 });
  const { b, there } = pair({ leaseMs: 300 });
  const key = '"e-5"';
  const work = held();
  const first = replica.handle(post({ key }), work.handler);
  await work.began;
  const waiting = there.handle(post({ key }), never);
  await until('the other replica waits', () => b.stats().waiters === 1);
  die();
  expect(await problemOf(await waiting)).toEqual(problem(500, 'outcome_unknown'));
  expect(await problemOf(await there.handle(post({ key }), never))).toEqual(problem(500, 'outcome_unknown'));
  expect((await there.handle(post({ key, body: 'x' }), never)).status).toBe(422);
  expect(broker.stats().handlers).toBe(1);

  // It was only cut off: what its handler answered is true, and goes to its client.
  work.end.open(new Response('charged after all'));
  expect(await (await first).text()).toBe('charged after all');
});

it('lets an operator free a key whose outcome became known', async () => {
  const { replica, die } = mortal({ leaseMs: 300 });
  const { b, there } = pair({ leaseMs: 300 });
  const key = '"e-6"';
  const work = held();
  replica.handle(post({ key }), work.handler).catch(() => undefined);
  await work.began;
  die();
  expect((await there.handle(post({ key }), never)).status).toBe(500);
  const keys = b.define('idempotency', { codec: replyCodec });
  expect((await keys.delete(idempotencyFlowId('acme', 'e-6'))).verdict).toBe('deleted');
  expect(await (await there.handle(post({ key }), () => new Response('now'))).text()).toBe('now');
  work.end.open(new Response());
});

it('lets another process repeat it where maxAttempts says so, with the handler of a request that is still there', async () => {
  const options = { leaseMs: 1_000, maxAttempts: 2, waitMs: 600_000 };
  const { replica, die } = mortal(options);
  const { b, there } = pair(options);
  const key = '"e-7"';
  const work = held();
  replica.handle(post({ key }), work.handler).catch(() => undefined);
  await work.began;
  // Routes with settings of their own, and the same keys.
  const left = payments(b, { ...options, waitMs: 200 }).handle(post({ key }), never);
  await until('the first of them waits', () => b.stats().waiters === 1);
  const stays = there.handle(post({ key }), (_request, context) => {
    expect(context).toMatchObject({ key: 'e-7', attempt: 2, coordinated: true });
    return new Response('repeated');
  });
  expect(await problemOf(await left)).toEqual(problem(409, 'in_progress'));
  die();
  expect(await (await stays).text()).toBe('repeated');
  expect(await (await there.handle(post({ key }), never)).text()).toBe('repeated');
  work.end.open(new Response());
});

it('has no limit for a repetition that became the one at work', async () => {
  const options = { leaseMs: 100, maxAttempts: 2, waitMs: 1_500 };
  const { replica, die } = mortal(options);
  const { there } = pair(options);
  const key = '"e-15"';
  const work = held();
  replica.handle(post({ key }), work.handler).catch(() => undefined);
  await work.began;
  const second = there.handle(post({ key }), async () => {
    await delay(1_700);
    return new Response('took its time');
  });
  die();
  expect(await (await second).text()).toBe('took its time');
  work.end.open(new Response());
});

it('gives its client what stands, where somebody else settled it meanwhile', async () => {
  const { a, here, there } = pair();
  const key = '"e-16"';
  const work = held();
  const first = here.handle(post({ key }), work.handler);
  await work.began;
  const keys = a.define('idempotency', { codec: replyCodec });
  const answer = { status: 418, headers: [], body: Buffer.from('settled by hand') };
  await keys.complete(idempotencyFlowId('acme', 'e-16'), answer);
  work.end.open(new Response('too late'));
  for (const response of [await first, await there.handle(post({ key }), never)])
    expect([response.status, await response.text()]).toEqual([418, 'settled by hand']);
});

it('uses up no attempt for a request that is not the same', async () => {
  const options = { leaseMs: 300, maxAttempts: 2 };
  const { replica, die } = mortal(options);
  const { b, there } = pair(options);
  const key = '"e-8"';
  const work = held();
  replica.handle(post({ key }), work.handler).catch(() => undefined);
  await work.began;
  die();
  const keys = b.define('idempotency', { codec: replyCodec });
  const record = () => keys.get(idempotencyFlowId('acme', 'e-8'));
  await until('the lease is over', async () => ((await record())?.leaseUntil ?? 0) < Date.now());
  for (let time = 1; time <= 3; time++)
    expect((await there.handle(post({ key, body: 'x' }), never)).status).toBe(422);
  expect((await there.handle(post({ key }), () => new Response('second'))).status).toBe(200);
  work.end.open(new Response());
});

it('gives up when the handler takes longer than timeoutMs: the outcome is unknown', async () => {
  const { here, there } = pair({ timeoutMs: 100 });
  const key = '"e-9"';
  const work = held();
  const first = await here.handle(post({ key }), work.handler);
  expect(await problemOf(first)).toEqual(problem(500, 'outcome_unknown'));
  expect((await work.began)?.aborted).toBe(true);
  expect(await problemOf(await there.handle(post({ key }), never))).toEqual(problem(500, 'outcome_unknown'));
  work.end.open(new Response());
});

it('finishes and keeps the answer for a client that has gone', async () => {
  const { here, there } = pair();
  const key = '"e-10"';
  const work = held();
  const gone = new AbortController();
  const first = here.handle(post({ key, signal: gone.signal }), work.handler);
  const signal = await work.began;
  gone.abort();
  expect(signal?.aborted).toBe(false);
  work.end.open(new Response('done'));
  await first;
  expect(await (await there.handle(post({ key }), never)).text()).toBe('done');
});

it('aborts the handler of a client that has gone where abortOnDisconnect says so', async () => {
  const { here, there } = pair({ abortOnDisconnect: true });
  const key = '"e-11"';
  const work = held();
  const gone = new AbortController();
  const first = here.handle(post({ key, signal: gone.signal }), work.handler);
  const signal = await work.began;
  gone.abort(new Error('gone'));
  await expect(first).rejects.toThrow('gone');
  expect(signal?.aborted).toBe(true);
  expect(await problemOf(await there.handle(post({ key }), never))).toEqual(problem(500, 'outcome_unknown'));
  work.end.open(new Response());
});

it('refuses with 503 without Redis, or runs uncoordinated where it may', async () => {
  const dead = bed.broker({ redis: 'redis://127.0.0.1:1', commandTimeoutMs: 100 });
  const answer = await payments(dead).handle(post(), never);
  expect(answer.headers.get('retry-after')).toBe('1');
  expect(await problemOf(answer)).toEqual(problem(503, 'unavailable'));
  const open = payments(dead, { onUnavailable: 'run', type: 'open', maxAttempts: 2 });
  const ran = await open.handle(post(), (_request, context) =>
    Response.json(context?.coordinated, { status: 201 }),
  );
  expect([ran.status, await ran.json()]).toEqual([201, false]);
  expect((await open.handle(post(), () => new Response('', { status: 500 }))).status).toBe(500);
});

it('gives the answer even if Redis was lost before it could be kept', async () => {
  const { replica, die } = mortal({ leaseMs: 200 });
  const answer = await replica.handle(post(), () => {
    die();
    return new Response('charged');
  });
  expect(await answer.text()).toBe('charged');
});

it('tells a client that the service stops, and that its outcome is unknown if it had begun', async () => {
  const { a, here, there } = pair();
  const key = '"e-12"';
  const work = held();
  const first = here.handle(post({ key }), work.handler);
  await work.began;
  await a.close();
  expect(await problemOf(await first)).toEqual(problem(500, 'outcome_unknown'));
  expect(await problemOf(await there.handle(post({ key }), never))).toEqual(problem(500, 'outcome_unknown'));
  work.end.open(new Response());
});

it('keeps answers sealed, where it is given a codec that seals', async () => {
  const codec = sealedCodec({ keys: { a: randomBytes(32) }, current: 'a', codec: replyCodec });
  const { here, there } = pair({ codec, type: 'sealed' });
  const key = '"e-13"';
  await here.handle(post({ key }), () => new Response('the card of Ada'));
  const stored = await bed.admin.getBuffer(`flow:{sealed:${idempotencyFlowId('acme', 'e-13')}}`);
  expect(stored!.includes('Ada')).toBe(false);
  expect(await (await there.handle(post({ key }), never)).text()).toBe('the card of Ada');
});

it('forgets a key after ttlMs', async () => {
  const { here, there } = pair({ ttlMs: 50 });
  const key = '"e-14"';
  await here.handle(post({ key }), () => new Response('one'));
  const record = `flow:{idempotency:${idempotencyFlowId('acme', 'e-14')}}`;
  await until('the key is gone', async () => (await bed.admin.exists(record)) === 0);
  expect(await (await there.handle(post({ key, body: 'x' }), () => new Response('two'))).text()).toBe('two');
});

it.each([
  [
    { scope: undefined },
    'idempotency needs scope: a function from the request to the caller whose key it is',
  ],
  [{ scope: 'x' }, 'scope must be a function, got "x"'],
  [{ waitMs: 0 }, 'waitMs must be a whole number from 1 to 315360000000, got 0'],
  [{ whilePending: 'x' }, 'whilePending must be one of wait, conflict, got "x"'],
  [{ required: 'x' }, 'required must be true or false, got "x"'],
  [{ denyHeaders: 'x' }, 'denyHeaders must be an array of names, got "x"'],
  [{ patience: 1 }, 'the options of idempotency has no option "patience"'],
])('refuses the options %j by name', (options, message) => {
  const broker = bed.broker();
  expect(() => payments(broker, options as never)).toThrow(message);
});

it('refuses a scope that is no string, before anything is sent', async () => {
  const { here } = pair({ scope: () => undefined as unknown as string });
  await expect(here.handle(post(), never)).rejects.toThrow('scope must return a string, got undefined');
});
