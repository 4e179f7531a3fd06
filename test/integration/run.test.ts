import { failureOf } from '../helpers/errors.js';
import { setup } from '../helpers/setup.js';
import { latch, until } from '../helpers/until.js';

const bed = setup();
const range = (count: number) => Array.from({ length: count }, (_none, at) => at);

/** Two brokers; the lease is so long that nothing here happens because one ends. */
function pair(options = {}) {
  const [a, b] = [bed.broker(), bed.broker()];
  const define = (broker: typeof a) =>
    broker.define('r', { leaseMs: 600_000, timeoutMs: 600_000, ...options });
  return { a, b, here: define(a), there: define(b) };
}

/** A handler that says when it began, and ends when it is told how. */
function held<T>() {
  const began = latch<AbortSignal>();
  const end = latch<T>();
  let runs = 0;
  return {
    began: began.opened,
    end,
    get runs() {
      return runs;
    },
    handler: ({ signal }: { signal: AbortSignal }): Promise<T> => {
      runs++;
      began.open(signal);
      return end.opened;
    },
  };
}

const never = (): never => {
  throw new Error('this handler must not run');
};

it('runs one handler for all callers, in this process and elsewhere', async () => {
  const { a, b, here, there } = pair();
  const id = bed.id();
  const work = held<string>();
  const first = here.run(id, work.handler);
  await work.began;
  const others = [...range(20).map(() => here.run(id, never)), ...range(20).map(() => there.run(id, never))];
  await until('the other broker waits', () => b.stats().waiters === 1);
  expect(a.stats().handlers).toBe(1);
  work.end.open('x');
  expect(new Set(await Promise.all([first, ...others]))).toEqual(new Set(['x']));
  expect(work.runs).toBe(1);
  expect(await here.get(id)).toMatchObject({ status: 'COMPLETED', attempt: 1, result: 'x' });
  expect(a.stats().handlers + b.stats().handlers).toBe(0);
});

it('runs one handler a flow, however many callers of two brokers begin at once', async () => {
  const { here, there } = pair();
  let runs = 0;
  const ids = range(50).map(() => bed.id());
  const all = ids.map(async (id) => {
    const handler = async () => {
      runs++;
      await new Promise(setImmediate);
      return id;
    };
    return Promise.all(range(10).map((at) => (at % 2 ? here : there).run(id, handler)));
  });
  expect(await Promise.all(all)).toEqual(ids.map((id) => range(10).map(() => id)));
  expect(runs).toBe(50);
});

it.each([undefined, null, 0, '', { a: [1] }])('takes %p for a result like any other', async (value) => {
  const { here, there } = pair();
  const id = bed.id();
  expect(await here.run(id, () => value)).toEqual(value);
  expect(await there.run(id, never)).toEqual(value);
  expect(await here.run(id, never)).toEqual(value);
});

it('takes a handler that is not async, and tells it what it is', async () => {
  const { here } = pair();
  const id = bed.id();
  const contexts: unknown[] = [];
  const { result, fence } = await here.runFenced(id, (context) => contexts.push(context), {
    metadata: { for: 'me' },
  });
  expect(result).toBe(1);
  expect(contexts).toEqual([
    { signal: expect.any(AbortSignal) as AbortSignal, fence, attempt: 1, coordinated: true },
  ]);
  expect(await here.get(id)).toMatchObject({ fence, metadata: { for: 'me' } });
});

describe('a handler that throws', () => {
  const thrown = Object.assign(new RangeError('invalid_grant'), { code: 400, data: { hint: 'rotated' } });

  it('fails the flow: its callers get its error, those elsewhere one that reads the same', async () => {
    const { b, here, there } = pair();
    const id = bed.id();
    const work = held<never>();
    const first = here.run(id, async (context) => {
      await Promise.race([work.handler(context), end.opened]);
      throw thrown;
    });
    const end = latch();
    await work.began;
    const callers = [first, here.run(id, never)].map((caller) => failureOf(caller, 'ERR_FLOW_FAILED'));
    const joiner = failureOf(there.run(id, never), 'ERR_FLOW_FAILED');
    await until('the other broker waits', () => b.stats().waiters === 1);
    end.open();
    for (const error of await Promise.all(callers)) {
      expect(error.cause).toBe(thrown);
      expect(error.message).toBe(`r "${id}" failed: invalid_grant`);
    }
    const error = await joiner;
    expect(error.cause).toMatchObject({
      name: 'RangeError',
      message: 'invalid_grant',
      code: '400',
      data: { hint: 'rotated' },
    });
  });

  it.each([
    ['a string', 'no'],
    ['nothing', undefined],
    ['an object', { message: 'no' }],
  ])('may throw %s', async (_what, what) => {
    const { here } = pair();
    const failing = here.run(bed.id(), () => {
      // eslint-disable-next-line @typescript-eslint/only-throw-error -- what a careless handler may do
      throw what;
    });
    await failureOf(failing, 'ERR_FLOW_FAILED');
  });

  it('throws even what cannot be stored whole: others learn name, message and code', async () => {
    const { here, there } = pair({ reuse: ['FAILED'], maxPayloadBytes: 2_000 });
    const unstorable: unknown[] = [1n, 'x'.repeat(5_000), new Map()];
    for (const data of unstorable) {
      const id = bed.id();
      const failing = here.run(id, () => Promise.reject(Object.assign(new Error('m'), { code: 'C', data })));
      expect((await failureOf(failing, 'ERR_FLOW_FAILED')).cause).toHaveProperty('data', data);
      const { cause } = await failureOf(there.run(id, never), 'ERR_FLOW_FAILED');
      expect(cause).toMatchObject({ name: 'Error', message: 'm', code: 'C' });
      expect(cause).not.toHaveProperty('data');
    }
  });

  it('fails the flow even if nothing of the error fits the limit', async () => {
    const { here } = pair({ maxPayloadBytes: 100 });
    const id = bed.id();
    await failureOf(
      here.run(id, () => Promise.reject(new Error('m'.repeat(5_000)))),
      'ERR_FLOW_FAILED',
    );
    expect((await here.get(id))?.status).toBe('FAILED');
  });

  it('is run again by the next caller, unless failures are reused', async () => {
    const { here, there } = pair();
    const id = bed.id();
    await failureOf(
      here.run(id, () => Promise.reject(thrown)),
      'ERR_FLOW_FAILED',
    );
    expect(await there.run(id, () => 'second')).toBe('second');
  });
});

describe('a result that cannot be stored', () => {
  const REFUSED: readonly [
    what: string,
    value: unknown,
    code: 'ERR_FLOW_CODEC' | 'ERR_FLOW_PAYLOAD_TOO_LARGE',
  ][] = [
    ['that the codec cannot carry', { at: new Date(0) }, 'ERR_FLOW_CODEC'],
    ['in a circle', Object.assign([], { 0: [] as unknown[] }), 'ERR_FLOW_CODEC'],
    ['over the limit', 'x'.repeat(5_000), 'ERR_FLOW_PAYLOAD_TOO_LARGE'],
  ];
  (REFUSED[1]![1] as unknown[][])[0]!.push(REFUSED[1]![1]);

  it.each(REFUSED)('%s fails the flow, and says why to all', async (_what, value, code) => {
    const { here, there } = pair({ reuse: ['FAILED'], maxPayloadBytes: 2_000 });
    const id = bed.id();
    await failureOf(
      here.run(id, () => value),
      code,
    );
    expect(await here.get(id)).toMatchObject({ status: 'FAILED', error: { code } });
    expect((await failureOf(there.run(id, never), 'ERR_FLOW_FAILED')).cause).toMatchObject({ code });
  });

  it.each([NaN, Infinity, -1, '5', {}, 1e300, new Date(0)])(
    'whose freshUntil is %p fails the flow',
    async (until) => {
      const { here } = pair({ freshUntil: () => until });
      const id = bed.id();
      const error = await failureOf(
        here.run(id, () => 'x'),
        'ERR_FLOW_INVALID_ARGUMENT',
      );
      expect(error.message).toMatch(
        /^freshUntil of r "id-\d+" must return ms since the epoch or undefined, got /,
      );
      expect((await here.get(id))?.status).toBe('FAILED');
      await here.create(id);
      await failureOf(here.complete(id, 'x'), 'ERR_FLOW_INVALID_ARGUMENT');
      expect((await here.get(id))?.status).toBe('PENDING');
    },
  );

  it('whose freshUntil throws fails the flow', async () => {
    const { here } = pair({
      freshUntil: () => {
        throw new Error('no expiry in there');
      },
    });
    const id = bed.id();
    await expect(here.run(id, () => 'x')).rejects.toThrow('no expiry in there');
    expect(await here.get(id)).toMatchObject({ status: 'FAILED', error: { message: 'no expiry in there' } });
  });
});

it('runs anew once the retention is over', async () => {
  const { here } = pair({ retentionMs: { completed: 1 } });
  const id = bed.id();
  expect(await here.run(id, () => 'first')).toBe('first');
  await until('the record expired', async () => (await here.get(id)) === undefined);
  expect(await here.run(id, () => 'second')).toBe('second');
});

it('takes what somebody else completes while the callers wait, without a handler of their own', async () => {
  const { b, here, there } = pair();
  const id = bed.id();
  await here.create(id);
  const joined = there.run(id, never);
  await until('it waits', () => b.stats().waiters === 1);
  await here.complete(id, 'from outside');
  expect(await joined).toBe('from outside');
});
