import type { JoinResult } from '../../src/index.js';
import { failureOf } from '../helpers/errors.js';
import { setup } from '../helpers/setup.js';
import { latch, until } from '../helpers/until.js';

const bed = setup();

interface Meta {
  readonly who: string;
}

/** Two brokers; the lease is so long that nothing here happens because one ends. */
function pair(options = {}) {
  const [a, b] = [bed.broker(), bed.broker()];
  const define = (broker: typeof a) =>
    broker.define<string, Meta>('j', { leaseMs: 600_000, timeoutMs: 600_000, ...options });
  return { a, b, here: define(a), there: define(b) };
}

const never = (): never => {
  throw new Error('this handler must not run');
};

/** Remembers what it was shown; refuses what others opened. */
function watching(mine: string) {
  const seen: JoinResult<string, Meta>[] = [];
  const onJoin = (found: JoinResult<string, Meta>): void => {
    seen.push(found);
    if (found.record.metadata.who !== mine) throw new Error(`opened by ${found.record.metadata.who}`);
  };
  return { seen, options: { metadata: { who: mine }, onJoin } };
}

it('shows each caller the flow that it joins, here and elsewhere, before it ends', async () => {
  const { here, there } = pair();
  const id = bed.id();
  const end = latch<string>();
  const began = latch();
  const [opener, joiner, remote] = [watching('ada'), watching('ada'), watching('ada')];
  const first = here.run(
    id,
    () => {
      began.open();
      return end.opened;
    },
    opener.options,
  );
  await began.opened;
  const others = [here.run(id, never, joiner.options), there.run(id, never, remote.options)];
  await until('both have seen it', () => joiner.seen.length === 1 && remote.seen.length === 1);
  for (const { seen } of [joiner, remote])
    expect(seen).toMatchObject([
      { verdict: 'joined', record: { status: 'PENDING', metadata: { who: 'ada' } } },
    ]);
  end.open('x');
  expect(await Promise.all([first, ...others])).toEqual(['x', 'x', 'x']);
  expect(opener.seen).toEqual([]);

  const late = watching('ada');
  expect(await there.run(id, never, late.options)).toBe('x');
  expect(late.seen).toMatchObject([{ verdict: 'settled', record: { status: 'COMPLETED', result: 'x' } }]);
});

it('lets a caller refuse what it would join: at once, and alone', async () => {
  const { here, there } = pair();
  const id = bed.id();
  const end = latch<string>();
  const began = latch<AbortSignal>();
  const first = here.run(
    id,
    ({ signal }) => {
      began.open(signal);
      return end.opened;
    },
    watching('ada').options,
  );
  const signal = await began.opened;
  for (const flows of [here, there])
    await expect(flows.run(id, never, watching('bob').options)).rejects.toThrow('opened by ada');
  expect(signal.aborted).toBe(false);
  end.open('x');
  expect(await first).toBe('x');
  await expect(there.run(id, never, watching('bob').options)).rejects.toThrow('opened by ada');
});

it('runs the handler of a caller that stays when the first one here refuses what stands', async () => {
  const { here, there } = pair();
  const id = bed.id();
  const leave = new AbortController();
  const began = latch();
  const owner = there.run(
    id,
    ({ signal }) => {
      began.open();
      return new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          reject(new Error('stopped'));
        });
      });
    },
    { metadata: { who: 'ada' }, signal: leave.signal },
  );
  await began.opened;
  const refusing = here.run(id, never, watching('bob').options);
  const staying = watching('ada');
  const stayed = here.run(id, ({ attempt }) => `attempt ${String(attempt)}`, staying.options);
  await expect(refusing).rejects.toThrow('opened by ada');
  await until('the other waits', () => staying.seen.length === 1);
  leave.abort(new Error('left'));
  await expect(owner).rejects.toThrow('left');
  expect(await stayed).toBe('attempt 2');
});

it('shows the taker what it takes over before its handler runs; refused, the flow is free for the next', async () => {
  const { here, there } = pair();
  const id = bed.id();
  const leave = new AbortController();
  const began = latch();
  const owner = here.run(
    id,
    () => {
      began.open();
      return new Promise<string>(() => undefined);
    },
    { metadata: { who: 'ada' }, signal: leave.signal },
  );
  await began.opened;
  leave.abort(new Error('left'));
  await expect(owner).rejects.toThrow('left');
  await until('the flow is free', async () => ((await here.get(id))?.leaseUntil ?? 0) <= Date.now());

  const refusing = watching('bob');
  await expect(there.run(id, never, refusing.options)).rejects.toThrow('opened by ada');
  expect(refusing.seen).toMatchObject([{ verdict: 'taken_over', record: { attempt: 2 } }]);
  const next = watching('ada');
  expect(await here.run(id, ({ attempt }) => String(attempt), next.options)).toBe('3');
  expect(next.seen).toMatchObject([{ verdict: 'taken_over' }]);
});

it('refuses an onJoin that is no function', async () => {
  const { here } = pair();
  const bad = { onJoin: 1 } as unknown as { onJoin(): void };
  const { message } = await failureOf(here.run('x', never, bad), 'ERR_FLOW_INVALID_ARGUMENT');
  expect(message).toBe('onJoin must be a function, got 1');
});
