import type { StoredRecord } from '../../contract/replies.js';
import { isTerminal } from '../../contract/status.js';
import { deleted, settlementOf, superseded, type Ending, type Settlement } from '../../waiters/ending.js';
import { Wait } from '../../waiters/wait.js';
import type { Core } from '../../waiters/core.js';
import type { Due } from '../../waiters/schedule.js';
import {
  describeFlow,
  FlowClosedError,
  FlowFailedError,
  FlowOwnerLostError,
  FlowUnavailableError,
  type FlowName,
} from '../../errors.js';
import { endReasonOf } from '../../waiters/outcome.js';
import { commit, encodeFailure, encodeResult, type Encoded } from './commit.js';
import { guarded } from './guarded.js';
import { Lease } from './lease.js';
import type { RunHandler, RunPlan } from './plan.js';

// Most handlers take longer than this; those that do not are spared the subscription.
const WATCH_AFTER_MS = 50;

// What the deadline's own ending may take to arrive; after that the flow is over whether or not Redis can say so.
const OVERDUE_MS = 800;

/** What an attempt came to: the flow ended, with whose value; or it goes on elsewhere and must be followed. */
export type AttemptEnd =
  | { readonly kind: 'committed'; readonly value: unknown }
  | { readonly kind: 'settled'; readonly settlement: Settlement }
  | { readonly kind: 'elsewhere' };

/** One run of the handler under a lease: from the verdict that made this process the owner to the commit that its fence allows. */
export class Attempt<T> {
  readonly #core: Core;
  readonly #flow: FlowName;
  readonly #plan: RunPlan;
  readonly #record: StoredRecord;
  readonly #remainingMs: number;
  readonly #controller = new AbortController();
  #askedAt: number;
  #lease: Lease | undefined;
  #watchTimer: NodeJS.Timeout | undefined;
  #watching: Wait<Ending> | undefined;
  #begun = false;
  #abandoned = false;
  #finished = false;

  /** `askedAt` is when the lease was asked for, by `performance.now()`; `now` the server's clock when it gave it. */
  constructor(core: Core, flow: FlowName, plan: RunPlan, record: StoredRecord, now: number, askedAt: number) {
    this.#core = core;
    this.#flow = flow;
    this.#plan = plan;
    this.#record = record;
    this.#remainingMs = record.deadlineAt - now;
    this.#askedAt = askedAt;
  }

  /** Rejects with the handler's failure, once committed, or with what became of the flow instead. */
  async run(handler: RunHandler<T>): Promise<AttemptEnd> {
    const { fence, attempt } = this.#record;
    const { leaseMs } = this.#plan;
    if (!(await this.#heldYet())) return { kind: 'elsewhere' };
    let lose: (end: Promise<AttemptEnd>) => void = () => undefined;
    const lost = new Promise<AttemptEnd>((resolve) => {
      lose = (end) => {
        end.catch(() => undefined); // the first counts; what comes with it must not crash the process
        resolve(end);
      };
    });
    this.#lease = new Lease(
      this.#core,
      this.#flow,
      { fence, owner: this.#core.brokerId, leaseMs, askedAt: this.#askedAt },
      (error) => {
        this.#controller.abort(error ?? superseded(this.#flow));
        // What Redis could not be asked about may still be this process's to commit; its fence decides.
        if (!(error instanceof FlowOwnerLostError)) lose(Promise.resolve({ kind: 'elsewhere' }));
      },
    );
    this.#watchSoon(lose);
    const overdue = this.#overdue(lose);
    this.#core.waiters.schedule(overdue, this.#remainingMs + OVERDUE_MS);
    this.#begun = true;
    const context = { signal: this.#controller.signal, fence, attempt, coordinated: true };
    const work = this.#guarded(handler);
    const finished = (async () => work(context))()
      .finally(() => {
        this.#finished = true;
      })
      .then(
        (value) => this.#commit(encodeResult(this.#plan.settings, this.#flow, fence, value), value),
        (thrown: unknown) => this.#fail(thrown),
      );
    try {
      return await Promise.race([finished, lost]);
    } finally {
      finished.catch(() => undefined); // a handler that goes on after its flow was lost has nobody left to tell
      this.#finished = true;
      this.#core.waiters.unschedule(overdue);
      this.#letGo();
    }
  }

  /** Nobody here wants it any more: the handler is told, and the flow is free for others at once. */
  async abandon(reason: unknown): Promise<void> {
    if (this.#abandoned) return;
    this.#abandoned = true;
    this.#controller.abort(reason);
    this.#letGo(); // a handler that does not heed its signal must not renew what is released
    const unbegun = this.#begun ? undefined : 1;
    await this.#core.verbs.release(this.#flow, this.#record.fence, this.#core.brokerId, { unbegun });
  }

  /** An answer that was under way for longer than the lease says nothing of who holds it now. */
  async #heldYet(): Promise<boolean> {
    const { leaseMs } = this.#plan;
    while (performance.now() >= this.#askedAt + leaseMs) {
      this.#askedAt = performance.now();
      const { verdict } = await this.#core.verbs.renew(
        this.#flow,
        this.#record.fence,
        this.#core.brokerId,
        leaseMs,
      );
      this.#controller.signal.throwIfAborted();
      if (verdict !== 'renewed') return false;
    }
    return true;
  }

  #guarded(handler: RunHandler<T>): RunHandler<T> {
    const { settings, leaseMs } = this.#plan;
    const { quorum } = settings;
    if (!quorum) return handler;
    const abort = (error: Error): void => {
      this.#controller.abort(error);
    };
    return guarded(quorum, this.#flow, leaseMs, handler, abort, this.#core.logger);
  }

  /** Ends the attempt when its flow must be over, handler or commit under way or not. */
  #overdue(lose: (end: Promise<AttemptEnd>) => void): Due {
    const due = (): void => {
      const text = `the deadline of ${describeFlow(this.#flow)} passed, and Redis could not be asked how it ended`;
      const error = new FlowUnavailableError(text, { flow: this.#flow });
      this.#controller.abort(error);
      lose(Promise.reject(error));
    };
    return { at: 0, slot: -1, due };
  }

  #letGo(): void {
    this.#lease?.stop();
    clearTimeout(this.#watchTimer);
    this.#watching?.stop(new FlowClosedError('the attempt is over', { flow: this.#flow }));
  }

  async #fail(thrown: unknown): Promise<AttemptEnd> {
    // A handler that was told to stop fails because of that; whoever takes over decides what becomes of the flow.
    if (this.#abandoned) throw thrown;
    if (this.#controller.signal.aborted) return { kind: 'elsewhere' };
    const { settings } = this.#plan;
    const end = await this.#commit(
      encodeFailure(settings, this.#flow, this.#record.fence, thrown),
      undefined,
    );
    if (end.kind !== 'committed') return end;
    const text = thrown instanceof Error ? thrown.message : String(thrown);
    throw new FlowFailedError(`${describeFlow(this.#flow)} failed: ${text}`, {
      flow: this.#flow,
      cause: thrown,
    });
  }

  async #commit(encoded: Encoded, value: unknown): Promise<AttemptEnd> {
    const { verdict, record } = await commit(this.#core, this.#flow, encoded.plan, this.#plan.leaseMs);
    if (!record) throw deleted(this.#flow);
    if (verdict === 'applied' || verdict === 'duplicate') {
      if (encoded.refused) throw encoded.refused;
      return { kind: 'committed', value };
    }
    if (record.origin !== this.#record.origin) throw superseded(this.#flow);
    if (isTerminal(record.status))
      return { kind: 'settled', settlement: settlementOf(record, record.status) };
    return { kind: 'elsewhere' };
  }

  /** Listens for the flow's end from elsewhere, so that the handler is told at once and not at the next renewal. */
  #watch(lose: (end: Promise<AttemptEnd>) => void): void {
    const { verbs, waiters } = this.#core;
    const watching = new Wait(waiters, this.#flow, { origin: this.#record.origin }, (ending) => ending);
    this.#watching = watching;
    watching.listen((line) => verbs.read(this.#flow, line));
    void watching.outcome.then((ending) => {
      if (this.#finished || this.#abandoned || ending.kind === 'lapsed') return;
      // An outage while it began to listen says nothing of the flow; the lease tells when it lasts too long.
      const unheard = watching.boundAt === 0 && ending.kind === 'error';
      if (unheard && ending.error instanceof FlowUnavailableError) {
        this.#watchSoon(lose);
        return;
      }
      this.#controller.abort(this.#reasonOf(ending));
      lose(ending.kind === 'error' ? Promise.reject(ending.error) : Promise.resolve(ending));
    });
  }

  #watchSoon(lose: (end: Promise<AttemptEnd>) => void): void {
    this.#watchTimer = setTimeout(() => {
      this.#watch(lose);
    }, WATCH_AFTER_MS);
  }

  #reasonOf(ending: Ending): Error {
    try {
      return endReasonOf(this.#flow, ending, this.#plan.settings.payloads);
    } catch (error) {
      return error as Error; // it ended with an error that cannot be decoded here
    }
  }
}
