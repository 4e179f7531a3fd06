import type { AcquirePlan, LeaseVerbs } from '../../broker/lease-verbs.js';
import type { AcquireVerdict, LeaseReply } from '../../contract/lease-replies.js';
import { FlowClosedError, FlowUnavailableError, FlowWaitTimeoutError, type FlowName } from '../../errors.js';
import type { Line } from '../../redis/line.js';
import type { Core } from '../../waiters/core.js';
import { Wait } from '../../waiters/wait.js';
import { followed } from './follow.js';
import { Hold } from './hold.js';
import { Turns } from './turns.js';

/** One acquisition, checked. */
export interface LeasePlan {
  readonly leaseMs: number;
  readonly waitMs: number;
  readonly signal: AbortSignal | undefined;
  readonly expectedGeneration: number | undefined;
  readonly advanceGeneration: boolean;
}

type Attempt = Promise<LeaseReply<AcquireVerdict>>;

/** The generation leases of one broker: those it holds, and how it comes by them. */
export class Leases {
  readonly #core: Core;
  readonly #verbs: LeaseVerbs;
  readonly #holds = new Set<Hold>();
  /** What was sent and is not answered: it may have taken a lease. */
  readonly #underWay = new Set<Promise<unknown>>();
  readonly #turns: Turns;
  #closed = false;

  constructor(core: Core, verbs: LeaseVerbs) {
    this.#core = core;
    this.#verbs = verbs;
    this.#turns = new Turns(core.waiters);
  }

  async generation(name: FlowName): Promise<number | null> {
    const { lease } = await this.#verbs.generation(name);
    return lease.advancing ? null : lease.generation;
  }

  /** Waits under way behind others of this process. */
  get waiting(): number {
    return this.#turns.count;
  }

  /** A hold; undefined when the generation is not the expected one, or the time to wait is over. */
  async acquire(name: FlowName, plan: LeasePlan): Promise<Hold | undefined> {
    const { signal, waitMs, expectedGeneration } = plan;
    const until = performance.now() + waitMs;
    // Most leases are free: the first try does without a subscription.
    let got = await this.#attempt(name, plan, (asked) => this.#tryOnce(name, asked));
    if (got === 'held' && performance.now() < until) {
      // Who expects another generation must hear at once that it is gone, whoever is before it.
      const line = `${name.id} ${String(expectedGeneration)}`;
      if (!(await this.#turns.take(line, signal, until - performance.now()))) return undefined;
      try {
        while (got === 'held' && performance.now() < until)
          got = await this.#attempt(name, plan, (asked) => this.#tryAndWait(name, asked, plan, until));
      } finally {
        this.#turns.leave(line);
      }
    }
    return typeof got === 'string' ? undefined : got;
  }

  /** Ends all holds, also those that are being asked for, so that others get the leases at once. */
  async close(error: Error): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#holds].map((hold) => hold.end(error)));
    while (this.#underWay.size > 0) {
      await Promise.allSettled(this.#underWay);
      await new Promise(setImmediate); // what follows from an answer is sent by then
    }
  }

  async #attempt(
    name: FlowName,
    plan: LeasePlan,
    ask: (asked: AcquirePlan) => Promise<LeaseReply<AcquireVerdict> | undefined>,
  ): Promise<Hold | 'held' | 'stale'> {
    plan.signal?.throwIfAborted();
    if (this.#closed) throw closed(name);
    const asked = this.#asked(plan);
    const askedAt = performance.now();
    const reply = await ask(asked);
    if (reply?.verdict === 'acquired') return this.#held(name, asked.owner, reply, askedAt, plan.signal);
    return reply?.verdict === 'stale' ? 'stale' : 'held';
  }

  #asked(plan: LeasePlan): AcquirePlan {
    const { leaseMs, expectedGeneration, advanceGeneration } = plan;
    const options = { expectedGeneration, advanceGeneration: advanceGeneration ? (1 as const) : undefined };
    return { owner: this.#core.verbs.request(), leaseMs, options };
  }

  async #tryOnce(name: FlowName, asked: AcquirePlan): Attempt {
    try {
      return await this.#track(this.#verbs.acquire(name, asked));
    } catch (error) {
      this.#undo(name, asked, error);
      throw error;
    }
  }

  /** Subscribes, then tries; if somebody holds it, resolves with undefined when it is worth another try. */
  async #tryAndWait(
    name: FlowName,
    asked: AcquirePlan,
    { signal }: LeasePlan,
    until: number,
  ): Promise<LeaseReply<AcquireVerdict> | undefined> {
    const timeoutMs = Math.max(1, Math.ceil(until - performance.now()));
    const wait = new Wait(
      this.#core.waiters,
      name,
      { signal, timeoutMs, followsLease: true },
      (ending) => ending,
    );
    let attempt: Attempt | undefined;
    const tried = wait.begin(async (line: Line) => {
      attempt = this.#track(this.#verbs.acquire(name, asked, line));
      return followed(await attempt);
    });
    try {
      await tried;
    } catch (error) {
      if (attempt) this.#undoLate(name, asked, attempt);
      if (error instanceof FlowWaitTimeoutError) return undefined;
      throw error;
    }
    const reply = await attempt;
    if (reply?.verdict === 'held') {
      const ending = await wait.outcome;
      if (ending.kind === 'error' && !(ending.error instanceof FlowWaitTimeoutError)) throw ending.error;
      return undefined;
    }
    wait.stop(new FlowClosedError('the wait is over', { flow: name }));
    return reply;
  }

  async #held(
    name: FlowName,
    owner: string,
    reply: LeaseReply<AcquireVerdict>,
    askedAt: number,
    signal: AbortSignal | undefined,
  ): Promise<Hold> {
    const { waiters } = this.#core;
    const hold = new Hold(this.#verbs, waiters, name, owner, reply, askedAt, () => this.#holds.delete(hold));
    this.#holds.add(hold);
    const unwanted = signal?.aborted ? (signal.reason as Error) : this.#closed ? closed(name) : undefined;
    if (!unwanted) return hold;
    await this.#track(hold.end(unwanted));
    throw unwanted;
  }

  /** The caller left before the answer came: what it got is given back. */
  #undoLate(name: FlowName, asked: AcquirePlan, attempt: Attempt): void {
    attempt.then(
      ({ verdict }) => {
        if (verdict === 'acquired') this.#undo(name, asked);
      },
      (error: unknown) => {
        this.#undo(name, asked, error);
      },
    );
  }

  /** A try whose answer did not come may have taken the lease: it must not stand for nobody. */
  #undo(name: FlowName, asked: AcquirePlan, error?: unknown): void {
    if (error !== undefined && !(error instanceof FlowUnavailableError)) return;
    this.#track(this.#verbs.free(name, asked.owner)).catch(() => undefined); // then it ends by itself
  }

  #track<T>(work: Promise<T>): Promise<T> {
    this.#underWay.add(work);
    const done = (): void => {
      this.#underWay.delete(work);
    };
    work.then(done, done);
    return work;
  }
}

function closed(flow: FlowName): FlowClosedError {
  return new FlowClosedError('the broker is closed', { flow });
}
