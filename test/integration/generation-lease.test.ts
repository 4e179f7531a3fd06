import { failureOf } from '../helpers/errors.js';
import { scriptCalls, setup } from '../helpers/setup.js';
import { latch, until } from '../helpers/until.js';

const bed = setup();

/** So long that nothing here happens because one ends. */
const LONG = 600_000;

function pair() {
  const [a, b] = [bed.broker(), bed.broker()];
  const name = bed.id();
  return { a, b, here: a.lease(name), there: b.lease(name), name };
}

it('is generation 0 and free at first, and each holder has a larger fence', async () => {
  const { here, there } = pair();
  expect(await here.generation()).toBe(0);
  const first = await here.acquire({ leaseMs: LONG, waitMs: 0 });
  expect(first).toMatchObject({ generation: 0 });
  expect(await there.acquire({ leaseMs: LONG, waitMs: 0 })).toBeNull();
  expect(await first!.release()).toBe(true);
  const second = await there.acquire({ leaseMs: LONG, waitMs: 0 });
  expect(second!.fence).toBeGreaterThan(first!.fence);
  await second!.release();
});

it('advances its generation, and says null while that is under way', async () => {
  const { here, there } = pair();
  const teardown = await here.acquire({ advanceGeneration: true, leaseMs: LONG });
  expect(teardown).toMatchObject({ generation: 1 });
  expect(await there.generation()).toBeNull();
  await teardown!.release();
  expect(await there.generation()).toBe(1);
});

it('gives null at once to who expects a generation that is gone, also while it is held', async () => {
  const { here, there } = pair();
  const known = (await there.generation())!;
  const teardown = await here.acquire({ advanceGeneration: true, leaseMs: LONG });
  expect(await there.acquire({ expectedGeneration: known, leaseMs: LONG, waitMs: LONG })).toBeNull();
  await teardown!.release();
  expect(await there.acquire({ expectedGeneration: known, leaseMs: LONG, waitMs: LONG })).toBeNull();
  const hold = await there.acquire({ expectedGeneration: 1, leaseMs: LONG });
  expect(hold).toMatchObject({ generation: 1 });
  await hold!.release();
});

it('wakes who waits when it is released, without polling', async () => {
  const { b, here, there } = pair();
  const hold = await here.acquire({ leaseMs: LONG });
  const waiting = there.acquire({ leaseMs: LONG, waitMs: LONG });
  await until('the other waits', () => b.stats().waiters === 1 && b.stats().listening);
  const before = b.stats();
  await hold!.release();
  const next = await waiting;
  expect(next).not.toBeNull();
  const { polls, missedWakes, waiters } = b.stats();
  expect({ polls, missedWakes, waiters }).toEqual({ polls: before.polls, missedWakes: 0, waiters: 0 });
  await next!.release();
});

it('refuses who waits in a generation that ended meanwhile, as soon as the lease is free', async () => {
  const { b, here, there, name } = pair();
  const hold = await here.acquire({ leaseMs: LONG });
  const stale = there.acquire({ expectedGeneration: 0, leaseMs: LONG, waitMs: LONG });
  await until('the other waits', () => b.stats().waiters === 1);
  await bed.admin.hset(`flow:{@lease:${name}}`, 'generation', '7');
  await hold!.release();
  expect(await stale).toBeNull();
});

it('passes from one to the next of many who wait, in this process and elsewhere', async () => {
  const { here, there } = pair();
  let holders = 0;
  let most = 0;
  const turns = Array.from({ length: 20 }, async (_none, at) => {
    const hold = await (at % 2 ? here : there).acquire({ leaseMs: LONG, waitMs: LONG });
    most = Math.max(most, ++holders);
    await new Promise(setImmediate);
    holders--;
    await hold!.release();
    return hold!.fence;
  });
  const fences = await Promise.all(turns);
  expect(most).toBe(1);
  expect(new Set(fences).size).toBe(20);
});

it('is tried for once by each process when it is released, however many wait there, first come first served', async () => {
  const { b, here, there } = pair();
  const hold = await here.acquire({ leaseMs: LONG });
  const order: number[] = [];
  const leave = new AbortController();
  const turns = Array.from({ length: 30 }, async (_none, at) => {
    const leaving = at === 0 || at === 4;
    const options = { waitMs: at === 7 ? 50 : LONG, ...(leaving && { signal: leave.signal }) };
    const got = await there.acquire({ leaseMs: LONG, ...options });
    if (got) order.push(at);
    await got?.release();
  });
  await turns[7]; // its time is over
  await until('the rest wait', () => b.stats().waiters === 29);
  leave.abort(new Error('left'));
  for (const at of [0, 4]) await expect(turns[at]).rejects.toThrow('left');
  const before = await scriptCalls(bed.admin);
  await hold!.release();
  await Promise.all(turns.filter((_turn, at) => at !== 0 && at !== 4));
  expect(order).toEqual(Array.from(turns.keys()).filter((at) => ![0, 4, 7].includes(at)));
  // Each tries on its turn, looks again if it was free meanwhile, tries when woken, and releases: 435 if all tried each time.
  expect((await scriptCalls(bed.admin)) - before).toBeLessThanOrEqual(30 * 5);
  expect(b.stats().waiters).toBe(0);
});

it("is another's when its time is over, and tells its holder so by the signal", async () => {
  const { here, there } = pair();
  const hold = await here.acquire({ leaseMs: 100 });
  const told = latch<unknown>();
  hold!.signal.addEventListener('abort', () => told.open(hold!.signal.reason));
  const next = await there.acquire({ leaseMs: LONG, waitMs: LONG });
  expect(next).not.toBeNull();
  expect(await told.opened).toMatchObject({ code: 'ERR_FLOW_OWNER_LOST' });
  expect(await hold!.release()).toBe(false);
  expect(await there.acquire({ leaseMs: LONG, waitMs: 0 })).toBeNull();
  await next!.release();
});

it('gives null when it is still held after waitMs', async () => {
  const { here, there, a, b } = pair();
  const hold = await here.acquire({ leaseMs: LONG });
  expect(await there.acquire({ leaseMs: LONG, waitMs: 30 })).toBeNull();
  expect(b.stats().waiters).toBe(0);
  await hold!.release();
  expect(a.stats().waiters).toBe(0);
});

it('ends the wait of who aborts, with the reason, and of nobody else', async () => {
  const { b, here, there } = pair();
  const hold = await here.acquire({ leaseMs: LONG });
  const leave = new AbortController();
  const leaving = there.acquire({ leaseMs: LONG, waitMs: LONG, signal: leave.signal });
  const staying = there.acquire({ leaseMs: LONG, waitMs: LONG });
  await until('both wait', () => b.stats().waiters === 2);
  const reason = new Error('the user left');
  leave.abort(reason);
  await expect(leaving).rejects.toBe(reason);
  await hold!.release();
  const next = await staying;
  expect(next).not.toBeNull();
  await next!.release();
});

it('leaves nothing held for who aborted while the answer was under way', async () => {
  const { here, there } = pair();
  const leave = new AbortController();
  const leaving = here.acquire({ leaseMs: LONG, signal: leave.signal });
  leave.abort(new Error('the user left'));
  await expect(leaving).rejects.toThrow('the user left');
  const next = await there.acquire({ leaseMs: LONG, waitMs: LONG });
  expect(next).not.toBeNull();
  await next!.release();
});

it('leaves nothing held for who waited, was woken, and aborted while it tried', async () => {
  const { b, here, there, name } = pair();
  const key = `flow:{@lease:${name}}`;
  await here.acquire({ leaseMs: LONG });
  const leave = new AbortController();
  const leaving = there.acquire({ leaseMs: LONG, waitMs: LONG, signal: leave.signal });
  await until('it waits', async () => {
    const [, heard] = (await bed.admin.pubsub('NUMSUB', key)) as [string, number];
    return heard === 1;
  });
  await there.generation(); // what was sent before is answered
  const { wakes } = b.stats();
  // The lease is free, who waits is told, and its try is held up.
  await bed.admin
    .pipeline()
    .del(key)
    .publish(key, '1 RELEASED 1 1 1 inline\n')
    .call('CLIENT', 'PAUSE', '10000', 'WRITE')
    .exec();
  await until('it is woken', () => b.stats().wakes > wakes);
  await new Promise(setImmediate);
  leave.abort(new Error('the user left'));
  await expect(leaving).rejects.toThrow('the user left');
  await bed.admin.call('CLIENT', 'UNPAUSE');
  const next = await here.acquire({ leaseMs: LONG, waitMs: LONG });
  expect(next).not.toBeNull();
  await next!.release();
});

it('is free at once when the broker of its holder closes, and tells that holder', async () => {
  const { a, b, here, there } = pair();
  const hold = await here.acquire({ leaseMs: LONG });
  const waiting = there.acquire({ leaseMs: LONG, waitMs: LONG });
  await until('the other waits', () => b.stats().waiters === 1);
  await a.close();
  expect(hold!.signal.reason).toMatchObject({ code: 'ERR_FLOW_CLOSED' });
  const next = await waiting;
  expect(next).not.toBeNull();
  await next!.release();
  await failureOf(here.generation(), 'ERR_FLOW_CLOSED');
  await failureOf(here.acquire(), 'ERR_FLOW_CLOSED');
});

it('rejects who waits when its own broker closes', async () => {
  const { b, here, there } = pair();
  const hold = await here.acquire({ leaseMs: LONG });
  const waiting = there.acquire({ leaseMs: LONG, waitMs: LONG });
  await until('the other waits', () => b.stats().waiters === 1);
  const failed = failureOf(waiting, 'ERR_FLOW_CLOSED');
  await b.close();
  await failed;
  await hold!.release();
});

it('goes on waiting when the listening connection is lost, and gets what was released meanwhile', async () => {
  const { b, here, there } = pair();
  const hold = await here.acquire({ leaseMs: LONG });
  const waiting = there.acquire({ leaseMs: LONG, waitMs: LONG });
  await until('the other listens', () => b.stats().waiters === 1 && b.stats().subscriptions > 1);
  await bed.admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
  await hold!.release();
  const next = await waiting;
  expect(next).not.toBeNull();
  await next!.release();
});

it.each([
  ['a name that is empty', () => bed.broker().lease('')],
  ['a name that is no string', () => bed.broker().lease(7 as never)],
  ['a name that is too long', () => bed.broker().lease('x'.repeat(513))],
])('refuses %s', (_what, call) => {
  expect(call).toThrow(/name of a lease must/);
});

it.each([
  [{ leaseMs: 0 }, /leaseMs must be a whole number from 1 /],
  [{ waitMs: -1 }, /waitMs must be a whole number from 0/],
  [{ expectedGeneration: 1.5 }, /expectedGeneration must be a whole number/],
  [{ advanceGeneration: 1 as never }, /advanceGeneration must be true or false/],
  [{ signal: {} as never }, /signal must be an AbortSignal/],
  [{ colour: 'red' } as never, /no option "colour"/],
])('refuses %j by name', async (options, message) => {
  const error = await failureOf(bed.broker().lease('x').acquire(options), 'ERR_FLOW_INVALID_ARGUMENT');
  expect(error.message).toMatch(message);
});

it('is told from what is no lease', async () => {
  const { here, name } = pair();
  await bed.admin.set(`flow:{@lease:${name}}`, 'x');
  await failureOf(here.generation(), 'ERR_FLOW_RECORD');
  await failureOf(here.acquire(), 'ERR_FLOW_RECORD');
});

it('is free for others once the broker is closed, also if it was being asked for', async () => {
  const { a, here, there } = pair();
  await (await here.acquire({ leaseMs: LONG }))!.release(); // connected, and the scripts are known
  const asked = failureOf(here.acquire({ leaseMs: LONG }), 'ERR_FLOW_CLOSED');
  await a.close();
  await asked;
  const hold = await there.acquire({ leaseMs: LONG, waitMs: 0 });
  expect(hold).not.toBeNull();
  await hold!.release();
});
