import { subscribe } from 'node:diagnostics_channel';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { Redis as Redis5 } from 'ioredis5';
import { createBroker, FlowError, type FlowLogger, type RunContext } from '../../../src/index.js';
import { Crowd } from '../support/crowd.js';
import type { Answer, Call, HandlerPlan, Outcome, ReplicaConfig, ReplicaEvent } from '../support/protocol.js';

// One process of an application, remote-controlled: each message is a call of one of the operations below.
const config = JSON.parse(process.argv[2] ?? '{}') as ReplicaConfig;
const lent = config.ioredis === 5 ? new Redis5(config.url, { maxRetriesPerRequest: null }) : undefined;
lent?.on('error', () => undefined);
const counter = new Redis(config.countAt ?? config.url, { lazyConnect: true });
counter.on('error', () => undefined);

const tell = (event: ReplicaEvent): void => void process.send?.(event);

process.on('warning', ({ message }) => tell({ event: 'warned', text: message }));

const logger: FlowLogger = {
  child: () => logger,
  debug: () => undefined,
  info: (_details, text) => tell({ event: 'logged', level: 'info', text }),
  warn: (_details, text) => tell({ event: 'logged', level: 'warn', text }),
  error: (_details, text) => tell({ event: 'logged', level: 'error', text }),
};

const broker = createBroker({
  ...config.broker,
  redis: (lent as unknown as Redis | undefined) ?? config.url,
  logger,
});
const flows = broker.define('job', config.flow);
const crowd = new Crowd(flows, config.countAt ?? config.url);
const finishing = new Map<string, () => void>();
const aborting = new Map<string, AbortController>();

function signalOf(token: string | null | undefined): { signal?: AbortSignal } {
  if (token == null) return {};
  const controller = aborting.get(token) ?? new AbortController();
  aborting.set(token, controller);
  return { signal: controller.signal };
}

async function outcome(pending: Promise<{ value: unknown; fence?: number }>): Promise<Outcome> {
  try {
    const ended = await pending;
    return { ...ended, endedAt: Date.now() };
  } catch (error) {
    const { code, message } = error instanceof FlowError ? error : { code: String(error), message: '' };
    return { code, message, endedAt: Date.now() };
  }
}

function handlerOf(id: string, plan: HandlerPlan) {
  return async ({ signal, attempt, fence }: RunContext): Promise<unknown> => {
    if (!plan.uncounted) await counter.incr(`runs:${id}`);
    const aborted = new Promise<never>((_resolve, reject) => {
      signal.addEventListener('abort', () => {
        const { code, name } = signal.reason as { code?: unknown; name: string };
        tell({ event: 'aborted', id, attempt, code: typeof code === 'string' ? code : name });
        if (!plan.deaf) reject(signal.reason as Error);
      });
    });
    const told = new Promise<void>((resolve) => finishing.set(id, resolve));
    tell({ event: 'started', id, attempt, fence });
    await Promise.race([plan.takesMs === undefined ? told : delay(plan.takesMs), aborted]);
    return `${process.pid}/${attempt}`;
  };
}

const operations = {
  create: (id: string, options?: object) => flows.create(id, options),
  complete: (id: string, value: unknown, options?: object) => flows.complete(id, value, options),
  get: (id: string) => flows.get(id),
  stats: () => broker.stats(),
  /** Answers once the flow is durable and waited for; `ended` gives the outcome. */
  open: async (id: string, options?: object, token?: string) => {
    const opened = await flows.open(id, { ...options, ...signalOf(token) });
    ended.set(id, outcome(opened.outcome.then((value) => ({ value }))));
    return { verdict: opened.verdict, record: opened.record };
  },
  ended: (id: string) => ended.get(id),
  wait: (id: string, options?: object, token?: string) =>
    outcome(flows.wait(id, { ...options, ...signalOf(token) }).then((value) => ({ value }))),
  run: (id: string, plan: HandlerPlan, options?: object, token?: string) => {
    const running = flows.runFenced(id, handlerOf(id, plan), { ...options, ...signalOf(token) });
    return outcome(running.then(({ result, fence }) => ({ value: result, fence })));
  },
  /** The same by many callers at once. */
  runMany: (callers: number, id: string, plan: HandlerPlan, options?: object) =>
    Promise.all(Array.from({ length: callers }, () => operations.run(id, plan, options))),
  /** Lets the handler return. */
  finish: (id: string) => finishing.get(id)?.(),
  abort: (token: string) => aborting.get(token)?.abort(new Error('the caller left')),
  /** Keeps the event loop from turning between two instants of Date.now(). */
  block: async (from: number, to: number) => {
    await delay(from - Date.now());
    while (Date.now() < to);
  },
  /** Calls a method of the crowd. */
  crowd: (method: 'tally', ...args: readonly unknown[]) =>
    (crowd[method] as (...given: unknown[]) => unknown).apply(crowd, [...args]),
  /** Tells of each message on a diagnostics channel. */
  listen: (channel: string) => {
    subscribe(channel, () => tell({ event: 'told', channel, at: Date.now() }));
  },
  close: async (options?: { drainMs?: number }) => {
    await broker.close(options);
    lent?.disconnect();
    counter.disconnect();
  },
  /** From here on nothing but the library could keep this process alive. */
  leave: () => {
    process.removeAllListeners('message');
    setImmediate(() => process.disconnect());
  },
};
const ended = new Map<string, Promise<Outcome>>();

async function answer({ call, op, args }: Call): Promise<Answer> {
  try {
    const operation = operations[op as keyof typeof operations] as (...given: readonly unknown[]) => unknown;
    return { call, value: await operation(...args.map((given) => given ?? undefined)) }; // JSON has no undefined
  } catch (error) {
    return { call, failure: error instanceof FlowError ? error.code : String(error) };
  }
}

process.on('message', (call: Call) => {
  void answer(call).then((said) => process.connected && process.send?.(said));
});
if (config.drainMs !== undefined) {
  const { drainMs } = config;
  process.once('SIGTERM', () => void operations.close({ drainMs }).then(operations.leave));
}
process.send?.('ready');
