import { scripts } from '../../src/contract/index.js';
import { createBroker, type Broker, type FlowError } from '../../src/index.js';
import { failureOf } from '../helpers/errors.js';
import { setup } from '../helpers/setup.js';
import { latch, until } from '../helpers/until.js';

const bed = setup();

const never = (): never => {
  throw new Error('this handler must not run');
};

function verbOf([command, sha]: readonly string[]): string {
  const script = Object.values(scripts).find(({ sha1 }) => sha1 === sha);
  return script?.verb ?? command!.toLowerCase();
}

/** A broker over a connection that the test can cut for good: as if its process were frozen. */
function cuttable(): { broker: Broker; cut(): void } {
  const redis = bed.client();
  return {
    broker: bed.broker({ redis, commandTimeoutMs: 200 }),
    cut: () => {
      redis.disconnect();
    },
  };
}

describe('an owner that is cut off', () => {
  it('is followed by another when its lease ends; its handler is told, its commit refused', async () => {
    const { broker, cut } = cuttable();
    const other = bed.broker();
    const options = { leaseMs: 400, timeoutMs: 600_000 };
    const id = bed.id();
    const [began, told] = [latch(), latch<unknown>()];
    const lost = broker.define<string>('cut', options).run(id, ({ signal }) => {
      began.open();
      return new Promise((resolve) => {
        signal.addEventListener('abort', () => {
          told.open(signal.reason);
          resolve('from the zombie');
        });
      });
    });
    lost.catch(() => undefined);
    await began.opened;
    const joiner = other
      .define<string>('cut', options)
      .run(id, ({ attempt }) => `attempt ${String(attempt)}`);
    await until('the other waits', () => other.stats().waiters === 1);
    cut();
    expect(await joiner).toBe('attempt 2');
    expect(other.stats().takeovers).toBe(1);
    expect(await told.opened).toMatchObject({ code: expect.stringMatching(/^ERR_FLOW_/) as string });
    // It may still listen: then it is told what came of the flow instead.
    const ending = await lost.catch((error: unknown) => (error as FlowError).code);
    expect(ending).toMatch(/^(attempt 2|ERR_FLOW_\w+)$/);
    expect((await other.define('cut').get(id))?.result).toBe('attempt 2');
  });

  it('is followed by nobody where maxAttempts is 1: ERR_FLOW_OWNER_LOST for all', async () => {
    const { broker, cut } = cuttable();
    const other = bed.broker();
    const options = { leaseMs: 300, timeoutMs: 600_000, maxAttempts: 1 };
    const id = bed.id();
    const [began, end] = [latch(), latch<string>()];
    const lost = broker.define<string>('once', options).run(id, () => {
      began.open();
      return end.opened;
    });
    lost.catch(() => undefined);
    await began.opened;
    const flows = other.define<string>('once', options);
    const joiners = [flows.run(id, never), flows.wait(id)];
    await until('they wait', () => other.stats().waiters === 2);
    cut();
    for (const joiner of joiners) await failureOf(joiner, 'ERR_FLOW_OWNER_LOST');
    end.open('too late');
    await expect(lost).rejects.toThrow();
    expect(await flows.get(id)).toMatchObject({ status: 'FAILED', settledBy: 'owner_lost', attempt: 1 });
  });
});

describe('a short outage of the server', () => {
  it('is sat out by the commit, which stores the result as soon as it can', async () => {
    const broker = bed.broker({ commandTimeoutMs: 400 });
    const flows = broker.define<string>('short', { leaseMs: 60_000 });
    const [began, end] = [latch(), latch<string>()];
    let finished = false;
    const call = flows.run('a', () => {
      began.open();
      return end.opened.then((value) => {
        finished = true;
        return value;
      });
    });
    await began.opened;
    await bed.server.pause();
    end.open('kept');
    await until('the handler is done', () => finished);
    await failureOf(flows.get('a'), 'ERR_FLOW_UNAVAILABLE');
    await failureOf(flows.get('a'), 'ERR_FLOW_UNAVAILABLE');
    await bed.server.resume();
    expect(await call).toBe('kept');
    expect(await flows.get('a')).toMatchObject({ status: 'COMPLETED', attempt: 1 });
  });

  it('does not stop a handler that still holds its lease', async () => {
    const broker = bed.broker({ commandTimeoutMs: 400 });
    const flows = broker.define<string>('held', { leaseMs: 60_000 });
    const [began, end] = [latch<AbortSignal>(), latch<string>()];
    const call = flows.run('a', ({ signal }) => {
      began.open(signal);
      return end.opened;
    });
    const signal = await began.opened;
    // Before the run has begun to listen for the end of its flow: its first read fails.
    await bed.server.pause();
    for (let asked = 0; asked < 4; asked++) await failureOf(flows.get('a'), 'ERR_FLOW_UNAVAILABLE');
    await bed.server.resume();
    await until('Redis answers', async () => (await flows.get('a').catch(() => undefined)) !== undefined);
    expect(signal.aborted).toBe(false);
    end.open('kept');
    expect(await call).toBe('kept');
  });

  it('does not keep a handler from hearing that its lease is over, though the renewal hangs', async () => {
    const flows = bed.broker({ commandTimeoutMs: 600_000 }).define<string>('hung', { leaseMs: 300 });
    const [began, end] = [latch<AbortSignal>(), latch<string>()];
    const call = flows.run(bed.id(), ({ signal }) => {
      began.open(signal);
      return end.opened;
    });
    const signal = await began.opened;
    const told = new Promise((resolve) => {
      signal.addEventListener('abort', resolve);
    });
    await bed.server.pause();
    await told;
    expect(signal.reason).toMatchObject({ code: 'ERR_FLOW_OWNER_LOST' });
    await bed.server.resume();
    end.open('done'); // nobody took over: its fence is still the flow's
    expect(await call).toBe('done');
  });

  it('begins no handler whose lease ran out while it was asked for, before it is renewed', async () => {
    const leaseMs = 200;
    const flows = bed.broker({ commandTimeoutMs: 600_000 }).define<string>('late', { leaseMs });
    const id = bed.id();
    await flows.get(id); // connected
    const called: string[] = [];
    const monitor = await bed.admin.monitor(); // whose own commands are long answered
    monitor.on('monitor', (_time: string, args: string[]) => called.push(verbOf(args)));
    await bed.server.pause();
    const askedAt = performance.now();
    const call = flows.run(id, async () => {
      await bed.admin.echo('handler'); // told by the server, as the others are: in its order
      return 'x';
    });
    await until('the lease would be over', () => performance.now() > askedAt + leaseMs);
    await bed.server.resume();
    expect(await call).toBe('x');
    await until('all was heard', () => called.includes('settle'));
    monitor.disconnect();
    const steps = called.filter((name) => name === 'echo' || Object.hasOwn(scripts, name));
    expect(steps).toEqual(['create', 'renew', 'echo', 'settle']);
  });

  it('is sat out by who waits elsewhere', async () => {
    const [a, b] = [bed.broker({ commandTimeoutMs: 400 }), bed.broker({ commandTimeoutMs: 400 })];
    const end = latch<string>();
    const began = latch();
    const owner = a.define<string>('elsewhere', { leaseMs: 60_000 }).run('a', () => {
      began.open();
      return end.opened;
    });
    await began.opened;
    const joiner = b.define<string>('elsewhere').run('a', never);
    await until('it waits and listens', () => b.stats().waiters === 1 && b.stats().listening);
    await b.define('elsewhere').get('a'); // whatever it asked before is answered before this
    await bed.server.pause();
    await failureOf(b.define('elsewhere').get('a'), 'ERR_FLOW_UNAVAILABLE');
    await bed.server.resume();
    end.open('x');
    expect(await Promise.all([owner, joiner])).toEqual(['x', 'x']);
  });
});

describe('an unreachable server', () => {
  const nowhere = { redis: { host: '127.0.0.1', port: 1 }, commandTimeoutMs: 50 };
  let broker: Broker;
  beforeEach(() => {
    broker = createBroker(nowhere);
  });
  afterEach(() => broker.close());

  it('is ERR_FLOW_UNAVAILABLE, and the handler does not run', async () => {
    await failureOf(broker.define('u').run('a', never), 'ERR_FLOW_UNAVAILABLE');
    await failureOf(broker.define('u').run('a', never, { onUnavailable: 'throw' }), 'ERR_FLOW_UNAVAILABLE');
  });

  it('lets the handler run uncoordinated where the caller chose that, once for all who call here', async () => {
    const contexts: unknown[] = [];
    const flows = broker.define<string>('u');
    const call = () =>
      flows.runFenced(
        'a',
        (context) => {
          contexts.push(context);
          return 'alone';
        },
        { onUnavailable: 'run' },
      );
    const results = await Promise.all([call(), call(), call()]);
    expect(results).toEqual(Array.from({ length: 3 }, () => ({ result: 'alone', fence: 0 })));
    expect(contexts).toEqual([
      { signal: expect.any(AbortSignal) as AbortSignal, fence: 0, attempt: 1, coordinated: false },
    ]);
  });

  it('gives the error of an uncoordinated handler as it is, and stops it when its last caller leaves', async () => {
    const flows = broker.define<string>('u');
    const thrown = new Error('no');
    await expect(flows.run('a', () => Promise.reject(thrown), { onUnavailable: 'run' })).rejects.toBe(thrown);
    const stop = new AbortController();
    const [began, told] = [latch(), latch()];
    const call = flows.run(
      'b',
      ({ signal }) => {
        began.open();
        signal.addEventListener('abort', () => {
          told.open();
        });
        return new Promise(() => undefined);
      },
      { onUnavailable: 'run', signal: stop.signal },
    );
    await began.opened;
    stop.abort(new Error('went away'));
    await expect(call).rejects.toThrow('went away');
    await told.opened;
  });
});
