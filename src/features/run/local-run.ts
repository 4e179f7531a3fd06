import { MAX_BYTES } from '../../broker/settings.js';
import type { CreateVerdict, Reply, StoredRecord } from '../../contract/replies.js';
import { isTerminal } from '../../contract/status.js';
import { FlowNotFoundError, FlowUnavailableError, type FlowName } from '../../errors.js';
import { deleted, settlementOf, superseded, type Ending, type Settlement } from '../../waiters/ending.js';
import { Wait } from '../../waiters/wait.js';
import type { Core } from '../../waiters/core.js';
import { resultOf } from '../../waiters/outcome.js';
import { Attempt } from './attempt.js';
import { Caller, type CallerLimits, type JoinVerdict, type RunResult } from './caller.js';
import type { RunHandler, RunPlan } from './plan.js';

/**
 * All callers of one flow in this process: one of them at most runs the handler, all get what came of it. Whoever aborts leaves
 * alone; when the last has left, the handler is stopped and the flow freed.
 */
export class LocalRun<T> {
  readonly result: Promise<RunResult<T>>;
  readonly #core: Core;
  readonly #flow: FlowName;
  readonly #plan: RunPlan;
  readonly #handler: RunHandler<T>;
  readonly #over = new AbortController();
  readonly #callers = new Set<Caller<T>>();
  #first: Caller<T> | undefined;
  #standing: StoredRecord | undefined;
  #attempt: Attempt<T> | undefined;
  #following: Wait<Ending> | undefined;
  #freed: Promise<void> | undefined;
  #asking = false;

  constructor(core: Core, flow: FlowName, plan: RunPlan, handler: RunHandler<T>) {
    this.#core = core;
    this.#flow = flow;
    this.#plan = plan;
    this.#handler = handler;
    this.result = this.#execute();
    this.result.catch(() => undefined); // each caller has a promise of its own
  }

  get abandoned(): boolean {
    return this.#over.signal.aborted;
  }

  get handling(): boolean {
    return this.#attempt !== undefined;
  }

  /** Resolves with undefined when the caller should begin anew: the first caller, whose handler and options count here, refused. */
  join(limits: CallerLimits): Promise<RunResult<T> | undefined> {
    const caller: Caller<T> = new Caller<T>(this.#flow, limits, (reason) => {
      this.#callers.delete(caller);
      if (this.#callers.size === 0) void this.abandon(reason);
    });
    this.#callers.add(caller);
    if (this.#first === undefined) this.#first = caller;
    else if (this.#standing) caller.accepts('joined', this.#standing);
    this.result.then(
      (result) => caller.succeed(result),
      (error: unknown) => caller.dismiss(error),
    );
    return caller.result;
  }

  /** Stops the handler and frees the flow, whoever still waits; resolves when the flow is free or Redis unreachable. */
  async abandon(reason: unknown): Promise<void> {
    this.#over.abort(reason);
    this.#following?.stop(reason as Error);
    this.#freed ??= this.#attempt?.abandon(reason);
    // What is being asked may make this process the owner: the flow is freed as soon as that is known.
    if (this.#asking) await this.result.catch(() => undefined);
    // An owner that cannot release is followed by another when its lease ends.
    await this.#freed?.catch(() => undefined);
  }

  /** The broker closes: callers are told at once, even if their handler does not heed its signal. */
  async close(error: Error): Promise<void> {
    for (const caller of [...this.#callers]) caller.dismiss(error);
    await this.abandon(error);
  }

  async #execute(): Promise<RunResult<T>> {
    let origin: number | undefined;
    for (;;) {
      const askedAt = performance.now();
      const reply = await this.#create(origin);
      if (!reply) return this.#runUncoordinated();
      const { verdict, record } = reply;
      if (verdict === 'superseded') throw superseded(this.#flow);
      if (!record) throw deleted(this.#flow);
      this.#show(verdict, record);
      if (isTerminal(record.status)) {
        return this.#resultOf(settlementOf(record, record.status));
      }
      if (verdict === 'joined') {
        const next = await this.#follow();
        if (typeof next === 'object') return next;
        origin = next;
        continue;
      }
      const ended = await this.#own(record, reply.now, askedAt);
      if (ended) return ended;
      origin = record.origin;
    }
  }

  /** Lets each caller see what it joins. A first caller that refuses takes its handler and options along. */
  #show(verdict: CreateVerdict, record: StoredRecord): void {
    this.#standing = record;
    const opened = verdict === 'created';
    if (!opened && this.#first?.accepts(verdict as JoinVerdict, record) === false) {
      for (const caller of this.#callers) caller.succeed(undefined);
      this.#callers.clear();
      void this.abandon(superseded(this.#flow));
      return;
    }
    const others = verdict === 'settled' ? verdict : 'joined';
    for (const caller of [...this.#callers]) if (caller !== this.#first) caller.accepts(others, record);
  }

  async #create(origin: number | undefined): Promise<Reply<CreateVerdict> | undefined> {
    this.#over.signal.throwIfAborted();
    const { settings, metadata, timeoutMs, leaseMs, maxAttempts, minFreshMs, rejectFence, runUncoordinated } =
      this.#plan;
    const options = {
      retention: settings.retention,
      owner: this.#core.brokerId,
      leaseMs,
      maxAttempts: maxAttempts || undefined,
      reuse: settings.reuse,
      minFreshMs: minFreshMs || undefined,
      rejectFence,
      origin,
      replyLimit: MAX_BYTES,
    };
    this.#asking = true;
    try {
      return await this.#core.verbs.create(this.#flow, {
        request: this.#core.verbs.request(),
        timeoutMs,
        metadata,
        options,
      });
    } catch (error) {
      if (!(runUncoordinated && origin === undefined && error instanceof FlowUnavailableError)) throw error;
      this.#core.logger?.warn({ flow: this.#flow }, 'Redis is unreachable: the handler runs uncoordinated');
      return undefined;
    } finally {
      this.#asking = false;
    }
  }

  /** A result when the flow ended; its origin when its owner is gone; undefined to begin anew when it was gone at first look. */
  async #follow(): Promise<RunResult<T> | number | undefined> {
    const { verbs, waiters } = this.#core;
    const following = new Wait(waiters, this.#flow, { followsLease: true }, (ending) => ending);
    this.#following = following;
    const begun = following.begin((line) => verbs.read(this.#flow, line));
    begun.catch(() => undefined); // its failure is the ending
    if (this.#over.signal.aborted) following.stop(this.#over.signal.reason as Error);
    const ending = await following.outcome;
    this.#following = undefined;
    if (ending.kind === 'lapsed') return following.origin;
    if (ending.kind === 'error') {
      if (following.origin === undefined && ending.error instanceof FlowNotFoundError) return undefined;
      throw ending.error;
    }
    return this.#resultOf(ending.settlement);
  }

  async #own(record: StoredRecord, now: number, askedAt: number): Promise<RunResult<T> | undefined> {
    const attempt = new Attempt<T>(this.#core, this.#flow, this.#plan, record, now, askedAt);
    this.#attempt = attempt;
    if (this.#over.signal.aborted) await this.abandon(this.#over.signal.reason);
    this.#over.signal.throwIfAborted();
    try {
      const end = await attempt.run(this.#handler);
      if (end.kind === 'committed') return { result: end.value as T, fence: record.fence };
      return end.kind === 'settled' ? this.#resultOf(end.settlement) : undefined;
    } finally {
      this.#attempt = undefined;
    }
  }

  async #runUncoordinated(): Promise<RunResult<T>> {
    this.#over.signal.throwIfAborted();
    const result = await this.#handler({
      signal: this.#over.signal,
      fence: 0,
      attempt: 1,
      coordinated: false,
    });
    return { result, fence: 0 };
  }

  #resultOf(settlement: Settlement): RunResult<T> {
    return {
      result: resultOf(this.#flow, settlement, this.#plan.settings.payloads) as T,
      fence: settlement.fence,
    };
  }
}
