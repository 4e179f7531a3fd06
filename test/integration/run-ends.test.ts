import type { FlowError } from '../../src/index.js';
import { failureOf } from '../helpers/errors.js';
import { readRecord } from '../helpers/record.js';
import { setup } from '../helpers/setup.js';
import { latch, until } from '../helpers/until.js';

const bed = setup();

// So long that nothing here can happen because a lease or a deadline ends.
const LONG = { leaseMs: 600_000, timeoutMs: 600_000 };

function pair(options = {}) {
  const [a, b] = [bed.broker(), bed.broker()];
  const define = (broker: typeof a) => broker.define<string>('e', { ...LONG, ...options });
  return { a, b, here: define(a), there: define(b) };
}

/** A handler that ends when its signal aborts, or when it is told to. */
function worker() {
  const began = latch<{ signal: AbortSignal; attempt: number; fence: number }>();
  const end = latch<string>();
  const aborted = latch<unknown>();
  return {
    began: began.opened,
    end,
    aborted: aborted.opened,
    handler: (context: { signal: AbortSignal; attempt: number; fence: number }): Promise<string> => {
      began.open(context);
      return new Promise((resolve, reject) => {
        void end.opened.then(resolve);
        context.signal.addEventListener('abort', () => {
          aborted.open(context.signal.reason);
          reject(context.signal.reason as Error);
        });
      });
    },
  };
}

const never = (): never => {
  throw new Error('this handler must not run');
};

describe('a caller that aborts', () => {
  it('leaves alone: the handler goes on for the others, here and elsewhere', async () => {
    const { b, here, there } = pair();
    const id = bed.id();
    const work = worker();
    const stop = new AbortController();
    const first = here.run(id, work.handler, { signal: stop.signal });
    const { signal } = await work.began;
    const [second, joiner] = [here.run(id, never), there.run(id, never)];
    await until('the other broker waits', () => b.stats().waiters === 1);
    const reason = new Error('went away');
    stop.abort(reason);
    await expect(first).rejects.toBe(reason);
    expect(signal.aborted).toBe(false);
    work.end.open('x');
    expect(await Promise.all([second, joiner])).toEqual(['x', 'x']);
  });

  it('before its handler began, spends none of the attempts', async () => {
    const { here, there } = pair({ maxAttempts: 1 });
    const id = bed.id();
    const stop = new AbortController();
    const first = here.run(id, never, { signal: stop.signal });
    // Sent by now, and not answered.
    await new Promise((resolve) => process.nextTick(resolve));
    stop.abort(new Error('went away'));
    await expect(first).rejects.toThrow('went away');
    await until('the flow is free', async () => {
      const record = await there.get(id);
      return record?.leaseUntil !== undefined && record.leaseUntil <= Date.now();
    });
    expect(await there.run(id, () => 'the only run')).toBe('the only run');
  });

  it('stops the handler when it was the last here, and frees the flow: another takes over at once', async () => {
    const { b, here, there } = pair();
    const id = bed.id();
    const [work, next] = [worker(), worker()];
    const stop = new AbortController();
    const first = here.run(id, work.handler, { signal: stop.signal });
    const { fence } = await work.began;
    const joiner = there.run(id, next.handler);
    await until('the other broker waits', () => b.stats().waiters === 1);
    const reason = new Error('went away');
    stop.abort(reason);
    await expect(first).rejects.toBe(reason);
    expect(await work.aborted).toBe(reason);
    const taken = await next.began;
    expect(taken.attempt).toBe(2);
    expect(taken.fence).toBeGreaterThan(fence);
    next.end.open('from the second');
    expect(await joiner).toBe('from the second');
    expect(b.stats().takeovers).toBe(1);
  });

  it('frees the flow even if its handler does not heed the signal, and no renewal takes it back', async () => {
    const { here, there } = pair({ leaseMs: 300 });
    const id = bed.id();
    const [began, end] = [latch(), latch<string>()];
    const stop = new AbortController();
    const deaf = (): Promise<string> => {
      began.open();
      return end.opened;
    };
    const first = here.run(id, deaf, { signal: stop.signal });
    await began.opened;
    stop.abort(new Error('went away'));
    await expect(first).rejects.toThrow('went away');
    await until(
      'it is released',
      async () => (await readRecord(bed.admin, `flow:{e:${id}}`))?.['releasedBy'],
    );
    const { leaseUntil } = (await here.get(id))!;
    // What would renew it does so three times within this wait for an unrelated flow's deadline.
    await failureOf((await here.open(bed.id(), { timeoutMs: 400 })).outcome, 'ERR_FLOW_TIMED_OUT');
    expect((await here.get(id))?.leaseUntil).toBe(leaseUntil);
    expect(await there.run(id, ({ attempt }) => `attempt ${String(attempt)}`)).toBe('attempt 2');
    end.open('too late');
    expect(await here.wait(id)).toBe('attempt 2');
  });

  it('may come back at once, and gets an attempt of its own', async () => {
    const { here } = pair();
    const id = bed.id();
    const [work, next] = [worker(), worker()];
    const stop = new AbortController();
    const first = here.run(id, work.handler, { signal: stop.signal });
    await work.began;
    stop.abort(new Error('went away'));
    const second = here.run(id, next.handler);
    await expect(first).rejects.toThrow('went away');
    expect((await next.began).attempt).toBe(2);
    next.end.open('x');
    expect(await second).toBe('x');
  });

  it('may do so before anything was asked, and while it is asked', async () => {
    const { a, here, there } = pair();
    const id = bed.id();
    await expect(here.run(id, never, { signal: AbortSignal.abort(new Error('before')) })).rejects.toThrow(
      'before',
    );
    const stop = new AbortController();
    const call = here.run(id, never, { signal: stop.signal });
    stop.abort(new Error('at once'));
    await expect(call).rejects.toThrow('at once');
    expect(await there.run(id, () => 'x')).toBe('x');
    await until('nothing runs', () => a.stats().handlers === 0);
  });

  it('by waitMs, leaves like any other', async () => {
    const { here } = pair();
    const id = bed.id();
    const work = worker();
    const stop = new AbortController();
    const first = here.run(id, work.handler, { signal: stop.signal });
    await work.began;
    const last = failureOf(here.run(id, never, { waitMs: 20 }), 'ERR_FLOW_WAIT_TIMEOUT');
    stop.abort(new Error('went away'));
    await expect(first).rejects.toThrow('went away');
    expect(await work.aborted).toBe(await last);
    expect(await here.run(id, () => 'next')).toBe('next');
  });
});

describe('a handler whose flow ends without it is told why, and its caller gets what won:', () => {
  type Flows = ReturnType<typeof pair>['there'];
  const ENDS: readonly [
    what: string,
    end: (flows: Flows, id: string) => Promise<unknown>,
    code: string,
    reason: string,
  ][] = [
    ['canceled', (flows, id) => flows.cancel(id, 'stop it'), 'ERR_FLOW_CANCELED', 'ERR_FLOW_CANCELED'],
    ['failed', (flows, id) => flows.fail(id, 'no'), 'ERR_FLOW_FAILED', 'ERR_FLOW_FAILED'],
    ['deleted', (flows, id) => flows.delete(id), 'ERR_FLOW_DELETED', 'ERR_FLOW_DELETED'],
    [
      'superseded',
      (flows, id) => flows.create(id, { conflict: 'supersede' }),
      'ERR_FLOW_SUPERSEDED',
      'ERR_FLOW_SUPERSEDED',
    ],
    ['completed', (flows, id) => flows.complete(id, 'won'), 'won', 'ERR_FLOW_SUPERSEDED'],
  ];

  it.each(ENDS)('%s', async (_what, end, code, reason) => {
    const { a, here, there } = pair();
    const id = bed.id();
    const work = worker();
    const caller = here.run(id, work.handler).catch((error: unknown) => (error as FlowError).code);
    await work.began;
    await until('it listens', () => a.stats().waiters === 1);
    await end(there, id);
    expect(await work.aborted).toMatchObject({ code: reason });
    expect(await caller).toBe(code);
    await until('nothing is left', () => a.stats().handlers + a.stats().waiters === 0);
  });

  it.each(ENDS)('%s, also before it listened', async (_what, end, code, reason) => {
    const { here, there } = pair();
    const id = bed.id();
    const told = latch<unknown>();
    const caller = here
      .run(id, async ({ signal }) => {
        signal.addEventListener('abort', () => {
          told.open(signal.reason);
        });
        await end(there, id); // an owner begins to listen only after a while
        await told.opened;
        return 'lost';
      })
      .catch((error: unknown) => (error as FlowError).code);
    expect(await told.opened).toMatchObject({ code: reason });
    expect(await caller).toBe(code);
  });

  it.each(ENDS)('%s, even if it does not heed the signal and returns a result', async (_what, end, code) => {
    const { here, there } = pair();
    const id = bed.id();
    const handler = async () => {
      await end(there, id);
      return 'lost';
    };
    const caller = await here.run(id, handler).catch((error: unknown) => (error as FlowError).code);
    expect(caller).toBe(code);
  });

  it('past its deadline', async () => {
    const { here } = pair({ timeoutMs: 80 });
    const work = worker();
    const caller = here.run(bed.id(), work.handler);
    await failureOf(caller, 'ERR_FLOW_TIMED_OUT');
    expect(await work.aborted).toMatchObject({ code: 'ERR_FLOW_TIMED_OUT' });
  });
});

it('keeps its lease as long as its handler runs, however long the others wait', async () => {
  const { a, b, here, there } = pair({ leaseMs: 100 });
  const id = bed.id();
  const work = worker();
  const owner = here.run(id, work.handler);
  await work.began;
  const joiner = there.run(id, never);
  const leases = new Set<number | undefined>();
  await until('it renewed five times', async () => leases.add((await here.get(id))?.leaseUntil).size > 5);
  work.end.open('x');
  expect(await Promise.all([owner, joiner])).toEqual(['x', 'x']);
  expect(a.stats().takeovers + b.stats().takeovers).toBe(0);
});

it('with maxAttempts 1, nobody runs it again: all get ERR_FLOW_OWNER_LOST', async () => {
  const { a, b, here, there } = pair({ maxAttempts: 1 });
  const id = bed.id();
  const work = worker();
  const stop = new AbortController();
  const first = here.run(id, work.handler, { signal: stop.signal });
  await work.began;
  const joiner = there.run(id, never);
  await until('the other broker waits', () => b.stats().waiters === 1);
  stop.abort(new Error('went away'));
  await expect(first).rejects.toThrow('went away');
  await failureOf(joiner, 'ERR_FLOW_OWNER_LOST');
  await failureOf(there.run(id, never), 'ERR_FLOW_OWNER_LOST');
  await failureOf(here.wait(id), 'ERR_FLOW_OWNER_LOST');
  expect(a.stats().takeovers + b.stats().takeovers).toBe(0);
});
