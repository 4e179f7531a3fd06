import { setTimeout as delay } from 'node:timers/promises';
import { FlowError, type Flows, type FlowRecord, type RunContext } from '../../../src/index.js';
import { TIMEOUTS_MS, type CallEntry, type Does, type ReturnEntry, type RunConfig } from '../entries.js';
import { Random } from '../random.js';
import type { Recorder } from './recorder.js';

const SHIFT_NS = 600e6; // the names in use move on, so that each has a short history
const WEIGHTS: Readonly<Record<Does, number>> = {
  ...{ open: 7, wait: 5, run: 6, create: 2 },
  ...{ complete: 6, fail: 2, cancel: 2, delete: 1.2, get: 2 },
};

const WAITS: readonly CallEntry['does'][] = ['wait', 'outcome', 'run'];

class Left extends Error {}

/** One of many that do something, then something else, for as long as the run lasts. */
export class Actor {
  readonly #flows: Flows<string>;
  readonly #recorder: Recorder;
  readonly #config: RunConfig;
  readonly #random: Random;
  readonly #shared: Shared;

  constructor(flows: Flows<string>, recorder: Recorder, config: RunConfig, shared: Shared, index: number) {
    this.#flows = flows;
    this.#recorder = recorder;
    this.#config = config;
    this.#shared = shared;
    this.#random = new Random(config.seed, config.index, index);
  }

  async act(untilNs: number): Promise<void> {
    while (this.#recorder.now() < untilNs) {
      await this.#once();
      await delay(this.#random.next() * 2 * this.#config.pauseMs);
    }
  }

  /** Ends what is still waited for here, until nothing is: whoever waits on is told by others, or was not when he should have been. */
  async windUp(): Promise<void> {
    while (this.#shared.waiting.size > 0) {
      const names = new Set(this.#shared.waiting.values());
      await Promise.all([...names].map((name) => this.#settle(name, 'complete', undefined)));
      await delay(300);
    }
  }

  async #once(): Promise<void> {
    const name = this.#name();
    const does = this.#random.weighted(WEIGHTS);
    switch (does) {
      case 'open':
        return this.#open(name);
      case 'wait': {
        const { signal, limits } = this.#limits();
        const { waitMs } = limits;
        return this.#record({ does, name, ...limits }, async () => ({
          value: await this.#flows.wait(name, { signal, timeoutMs: waitMs }),
        }));
      }
      case 'run':
        return this.#run(name);
      case 'create': {
        const options = this.#creating();
        return this.#record({ does, name, timeoutMs: options.timeoutMs }, async () => {
          const { verdict, record } = await this.#flows.create(name, options);
          return { verdict, ...this.#seen(record) };
        });
      }
      case 'complete':
      case 'fail':
      case 'cancel':
        return this.#settle(name, does, this.#fence(name));
      case 'delete': {
        const fence = this.#fence(name);
        return this.#record({ does, name, ...(fence && { fence }) }, async () => {
          const { verdict, record } = await this.#flows.delete(name, { fence });
          return { verdict, ...(record && this.#seen(record)) };
        });
      }
      case 'get':
        return this.#record({ does, name }, async () => {
          const record = await this.#flows.get(name);
          return record ? this.#seen(record) : { verdict: 'not_found' };
        });
    }
  }

  async #open(name: string): Promise<void> {
    const options = this.#creating();
    const { signal, limits } = this.#limits();
    const { waitMs } = limits;
    await this.#record({ does: 'open', name, timeoutMs: options.timeoutMs }, async () => {
      const { verdict, record, outcome } = await this.#flows.open(name, { ...options, signal, waitMs });
      const { origin, deadlineAt } = record;
      void this.#record({ does: 'outcome', name, origin, deadlineAt, ...limits }, async () => ({
        value: await outcome,
      }));
      return { verdict, ...this.#seen(record) };
    });
  }

  async #run(name: string): Promise<void> {
    const random = this.#random;
    const { signal, limits } = this.#limits();
    const waitMs = limits.waitMs ?? random.between(800, 2_500);
    const [takesMs, deaf, fails] = [random.weighted(TAKES), random.chance(0.1), random.chance(0.1)];
    const options = {
      ...{ signal, waitMs, timeoutMs: this.#timeoutMs() },
      ...{ leaseMs: random.between(100, 300), maxAttempts: random.pick([0, 0, 0, 1, 2]) },
      ...(random.chance(0.1) ? { rejectFence: this.#fence(name) } : {}),
    };
    const op = this.#shared.next();
    const handler = async ({ signal: over, fence, attempt }: RunContext): Promise<string> => {
      this.#recorder.write({ kind: 'handler', op, at: this.#recorder.now(), name, fence, attempt });
      await delay(Number(takesMs), undefined, deaf ? {} : { signal: over });
      const value = this.#shared.value();
      this.#recorder.write({ kind: 'handler', op, at: this.#recorder.now(), name, fence, attempt, value });
      if (fails) throw new Error(value);
      return value;
    };
    const call = { does: 'run', name, ...limits, waitMs } as const;
    await this.#record(
      call,
      async () => {
        const { result, fence } = await this.#flows.runFenced(name, handler, options);
        return { value: result, fence };
      },
      op,
    );
  }

  async #settle(
    name: string,
    does: 'complete' | 'fail' | 'cancel',
    fence: number | undefined,
  ): Promise<void> {
    const value = this.#shared.value();
    const options = {
      fence,
      ...(fence !== undefined && this.#random.chance(0.08) ? { replace: true } : {}),
      ...(this.#random.chance(0.05) ? { retentionMs: 800 } : {}),
    };
    await this.#record({ does, name, value, ...(fence && { fence }) }, async () => {
      const { verdict, record } =
        does === 'complete'
          ? await this.#flows.complete(name, value, options)
          : await this.#flows[does](name, new Error(value), options);
      return { verdict, ...(record && this.#seen(record)) };
    });
  }

  /** Writes the call down, then how it ended. A rejection is an ending like others. */
  async #record(
    call: Omit<CallEntry, 'kind' | 'op' | 'at'>,
    doing: () => Promise<Omit<ReturnEntry, 'kind' | 'op' | 'at'>>,
    op = this.#shared.next(),
  ): Promise<void> {
    const { waiting } = this.#shared;
    if (WAITS.includes(call.does)) waiting.set(op, call.name);
    this.#recorder.write({ kind: 'call', op, at: this.#recorder.now(), ...call });
    const ended = await doing().catch(endingOf);
    waiting.delete(op);
    this.#recorder.write({ kind: 'return', op, at: this.#recorder.now(), ...ended });
  }

  #creating() {
    const random = this.#random;
    return {
      timeoutMs: this.#timeoutMs(),
      metadata: this.#shared.value(),
      ...(random.chance(0.06) ? { conflict: 'supersede' as const } : {}),
      ...(random.chance(0.3) ? { reuse: [] } : {}),
      ...(random.chance(0.1) ? { reuse: ['COMPLETED', 'FAILED', 'TIMED_OUT'] as const } : {}),
    };
  }

  #limits() {
    const random = this.#random;
    const waitMs = random.chance(0.3) ? random.between(50, 2_000) : undefined;
    const abortMs = random.chance(0.15) ? random.between(0, 800) : undefined;
    const controller = new AbortController();
    if (abortMs !== undefined) setTimeout(() => controller.abort(new Left('left')), abortMs);
    return {
      signal: controller.signal,
      limits: { ...(waitMs && { waitMs }), ...(abortMs && { abortMs }) },
    };
  }

  #timeoutMs(): number {
    const [least, most] = TIMEOUTS_MS[this.#random.chance(0.3) ? 'long' : 'short'];
    return this.#random.between(least, most);
  }

  #name(): string {
    const shift = Math.floor(this.#recorder.now() / SHIFT_NS) - (this.#random.chance(0.1) ? 1 : 0);
    const { seed, names } = this.#config; // runs one after the other on the same servers share no name
    return `${String(seed)}.${String(Math.max(0, shift))}-${String(this.#random.between(1, names))}`;
  }

  /** Mostly none, else one that was seen: the flow's own, or one that is gone. */
  #fence(name: string): number | undefined {
    return this.#random.chance(0.6) ? undefined : this.#shared.fences.get(name);
  }

  #seen({ id, status, origin, fence, attempt, result, error }: FlowRecord<string>) {
    if (this.#random.chance(0.7)) this.#shared.fences.set(id, fence); // now and then an old one stays
    return { status, origin, fence, attempt, ...valueOf(result ?? error?.message) };
  }
}

const TAKES = { '0': 3, '5': 4, '40': 3, '150': 1, '500': 1 } as const;

function valueOf(value: string | undefined) {
  return value === undefined ? {} : { value };
}

function endingOf(error: unknown): Omit<ReturnEntry, 'kind' | 'op' | 'at'> {
  if (error instanceof Left) return { error: 'aborted' };
  if (!(error instanceof FlowError)) return { error: String(error) };
  const told = error.code === 'ERR_FLOW_FAILED' || error.code === 'ERR_FLOW_CANCELED';
  return { error: error.code, ...(told && valueOf((error.cause as Error).message)) };
}

/** What the actors of one process share. */
export class Shared {
  /** A fence of each name, for whoever settles or deletes by fence. */
  readonly fences = new Map<string, number>();
  /** Names that operations wait for, by operation. */
  readonly waiting = new Map<number, string>();
  readonly #index: number;
  #ops = 0;
  #values = 0;

  constructor(index: number) {
    this.#index = index;
  }

  next(): number {
    return ++this.#ops;
  }

  value(): string {
    return `v${String(this.#index)}.${String(++this.#values)}`;
  }
}
