import { getMaxListeners, setMaxListeners } from 'node:events';
import { failureOf } from '../helpers/errors.js';
import { setup } from '../helpers/setup.js';
import { until } from '../helpers/until.js';

const bed = setup();

function pair(options = {}) {
  const broker = bed.broker();
  return {
    broker,
    here: broker.define<string>('w', options),
    there: bed.broker().define<string>('w', options),
  };
}

it('resolves with the result of a flow that was settled before', async () => {
  const { here, there } = pair();
  const id = bed.id();
  await here.create(id);
  await here.complete(id, 'x');
  expect(await there.wait(id)).toBe('x');
});

it('wakes all who wait, here and elsewhere, when the flow is completed', async () => {
  const { broker, here, there } = pair();
  const id = bed.id();
  const { outcome } = await here.open(id);
  const waits = [outcome, here.wait(id), here.wait(id), there.wait(id)];
  await until('the waits are under way', () => broker.stats().waiters === 3);
  expect((await there.complete(id, 'x')).verdict).toBe('applied');
  expect(await Promise.all(waits)).toEqual(['x', 'x', 'x', 'x']);
  expect(broker.stats()).toMatchObject({ waiters: 0, watches: 0 });
});

it('loses no wake-up that falls between wait and its first answer', async () => {
  const { here, there } = pair();
  for (let round = 0; round < 200; round++) {
    const id = bed.id();
    await here.create(id);
    const waiting = here.wait(id);
    if (round % 3 === 1) await Promise.resolve();
    if (round % 3 === 2) await new Promise(setImmediate);
    const [result, { verdict }] = await Promise.all([waiting, there.complete(id, String(round))]);
    expect({ result, verdict }).toEqual({ result: String(round), verdict: 'applied' });
  }
});

it('opens what is settled, and gives its result as outcome', async () => {
  const { here, there } = pair();
  const id = bed.id();
  await here.create(id);
  await here.complete(id, 'x');
  const { verdict, record, outcome } = await there.open(id);
  expect({ verdict, status: record.status, result: record.result }).toEqual({
    verdict: 'settled',
    status: 'COMPLETED',
    result: 'x',
  });
  expect(await outcome).toBe('x');
});

describe('rejects', () => {
  it('with ERR_FLOW_FAILED and the rebuilt error, when the flow fails', async () => {
    const { here, there } = pair();
    const id = bed.id();
    const { outcome } = await here.open(id);
    await there.fail(id, Object.assign(new RangeError('no'), { code: 'E_NO', data: { left: 3 } }));
    const error = await failureOf(outcome, 'ERR_FLOW_FAILED');
    expect(error.flow).toEqual({ type: 'w', id });
    expect(error.message).toBe(`w "${id}" failed: no`);
    expect(error.cause).toBeInstanceOf(Error);
    expect(error.cause).toMatchObject({ name: 'RangeError', message: 'no', code: 'E_NO', data: { left: 3 } });
    expect((error.cause as Error).stack).not.toContain('waiting.test.ts');
  });

  it('with ERR_FLOW_CANCELED and the reason, when the flow is canceled', async () => {
    const { here, there } = pair();
    const id = bed.id();
    const { outcome } = await here.open(id);
    await there.cancel(id, 'user left');
    expect(await failureOf(outcome, 'ERR_FLOW_CANCELED')).toMatchObject({ cause: { message: 'user left' } });
  });

  it('with ERR_FLOW_SUPERSEDED, when another flow takes the name', async () => {
    const { here, there } = pair();
    const id = bed.id();
    const { outcome } = await here.open(id);
    const next = await there.open(id, { conflict: 'supersede' });
    await failureOf(outcome, 'ERR_FLOW_SUPERSEDED');
    await here.complete(id, 'for the next');
    expect(await next.outcome).toBe('for the next');
  });

  it('with ERR_FLOW_DELETED, when the flow is deleted', async () => {
    const { here, there } = pair();
    const id = bed.id();
    const { outcome } = await here.open(id);
    await there.delete(id);
    await failureOf(outcome, 'ERR_FLOW_DELETED');
  });

  it('with ERR_FLOW_DELETED, when a failover forgot it and brought the flow before it back', async () => {
    const { here } = pair({ reuse: [] });
    const id = bed.id();
    await here.create(id);
    await here.complete(id, 'before');
    const key = `flow:{w:${id}}`;
    const before = await bed.admin.dumpBuffer(key);
    const { outcome } = await here.open(id);
    await bed.admin.restore(key, 60_000, before, 'REPLACE');
    await bed.admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await failureOf(outcome, 'ERR_FLOW_DELETED');
  });

  it('with ERR_FLOW_TIMED_OUT, when nobody settles it before its deadline', async () => {
    const { here, there } = pair();
    const id = bed.id();
    const { outcome, record } = await here.open(id, { timeoutMs: 30 });
    const elsewhere = there.wait(id);
    await failureOf(outcome, 'ERR_FLOW_TIMED_OUT');
    await failureOf(elsewhere, 'ERR_FLOW_TIMED_OUT');
    await failureOf(there.wait(id), 'ERR_FLOW_TIMED_OUT');
    expect(await here.get(id)).toMatchObject({ status: 'TIMED_OUT', settledAt: record.deadlineAt });
  });

  it('with ERR_FLOW_NOT_FOUND, when there is none, and leaves nothing behind', async () => {
    const { broker, here } = pair();
    const error = await failureOf(here.wait('nobody'), 'ERR_FLOW_NOT_FOUND');
    expect(error.message).toContain('w "nobody"');
    expect(broker.stats()).toMatchObject({ waiters: 0, watches: 0 });
  });
});

describe('one wait of many', () => {
  it('ends by its own abort, with the signal’s reason, and leaves the others', async () => {
    const { broker, here, there } = pair();
    const id = bed.id();
    const { outcome } = await here.open(id);
    const stop = new AbortController();
    const aborted = here.wait(id, { signal: stop.signal });
    await until('it waits', () => broker.stats().waiters === 2);
    const reason = new Error('the user went away');
    stop.abort(reason);
    await expect(aborted).rejects.toBe(reason);
    expect(broker.stats().waiters).toBe(1);
    await there.complete(id, 'x');
    expect(await outcome).toBe('x');
  });

  it('ends by its own timeoutMs, and leaves the others', async () => {
    const { broker, here, there } = pair();
    const id = bed.id();
    const { outcome } = await here.open(id);
    const opened = here.open(id, { waitMs: 10 }).then((second) => second.outcome);
    const error = await failureOf(here.wait(id, { timeoutMs: 10 }), 'ERR_FLOW_WAIT_TIMEOUT');
    expect(error.message).toContain('10 ms');
    await failureOf(opened, 'ERR_FLOW_WAIT_TIMEOUT');
    expect(broker.stats().waiters).toBe(1);
    await there.complete(id, 'x');
    expect(await outcome).toBe('x');
  });

  it.each([undefined, 0, 50])(
    'may share its signal with any number (its listeners limited to %p)',
    async (limit) => {
      const { broker, here, there } = pair();
      const id = bed.id();
      const { outcome } = await here.open(id);
      const stop = new AbortController();
      if (limit !== undefined) setMaxListeners(limit, stop.signal);
      const { signal } = stop;
      const waits = Array.from({ length: 30 }, () =>
        here.wait(id, { signal }).catch((error: unknown) => error),
      );
      const run = expect(here.run(bed.id(), () => new Promise(() => undefined), { signal })).rejects.toThrow(
        'all',
      );
      await until('they wait', () => broker.stats().waiters >= 31);
      if (limit) expect(getMaxListeners(signal)).toBe(limit);
      const reason = new Error('all of them');
      stop.abort(reason);
      expect(new Set(await Promise.all(waits))).toEqual(new Set([reason]));
      await run;
      expect(broker.stats().waiters).toBe(1);
      await there.complete(id, 'x');
      expect(await outcome).toBe('x');
    },
  );

  it('is not begun with a signal that was aborted before', async () => {
    const { broker, here } = pair();
    const id = bed.id();
    const signal = AbortSignal.abort(new Error('before'));
    await expect(here.wait(id, { signal })).rejects.toThrow('before');
    await expect(here.open(id, { signal })).rejects.toThrow('before');
    expect(await here.get(id)).toBeUndefined();
    expect(broker.stats().waiters).toBe(0);
  });

  it('may be aborted before its first answer, or after its end', async () => {
    const { broker, here } = pair();
    const id = bed.id();
    await here.create(id);
    const stop = new AbortController();
    const aborted = here.wait(id, { signal: stop.signal });
    stop.abort(new Error('at once'));
    await expect(aborted).rejects.toThrow('at once');
    expect(broker.stats()).toMatchObject({ waiters: 0, watches: 0 });
    const later = new AbortController();
    const waiting = here.wait(id, { signal: later.signal });
    await here.complete(id, 'x');
    expect(await waiting).toBe('x');
    later.abort(new Error('too late'));
  });
});

it('never crashes the process by an outcome that nobody awaits', async () => {
  const { here, there } = pair();
  const id = bed.id();
  const unhandled: unknown[] = [];
  const onUnhandled = (reason: unknown): number => unhandled.push(reason);
  process.on('unhandledRejection', onUnhandled);
  await here.open(id);
  await there.fail(id, 'no');
  await failureOf(here.wait(id), 'ERR_FLOW_FAILED');
  await new Promise(setImmediate);
  await new Promise(setImmediate);
  process.off('unhandledRejection', onUnhandled);
  expect(unhandled).toEqual([]);
});

it('sends nothing for an open that was given up before the end of its tick', async () => {
  const flows = bed.broker().define('given-up');
  const id = bed.id();
  const stop = new AbortController();
  const opened = flows.open(id, { signal: stop.signal });
  const reason = new Error('went away');
  stop.abort(reason);
  await expect(opened).rejects.toBe(reason);
  await flows.create(bed.id());
  expect(await flows.get(id)).toBeUndefined();
});
