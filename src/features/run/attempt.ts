import type { StoredRecord } from '../../contract/replies.js';
import { isTerminal } from '../../contract/status.js';
import { deleted, settlementOf, superseded, type Ending, type Settlement } from '../../waiters/ending.js';
import { Wait } from '../../waiters/wait.js';
import type { Core } from '../../waiters/core.js';
import {
  describeFlow,
  FlowClosedError,
  FlowFailedError,
  FlowOwnerLostError,
  type FlowName,
} from '../../errors.js';
import { endReasonOf } from '../../waiters/outcome.js';
import { commit, encodeFailure, encodeResult, type Encoded } from './commit.js';
import { Lease } from './lease.js';
import type { RunHandler, RunPlan } from './plan.js';

// Most handlers take longer than this; those that do not are spared the subscription.
const WATCH_AFTER_MS = 50;

/** What an attempt came to: the flow ended, with whose value; or it goes on elsewhere and must be followed. */
export type AttemptEnd =
  | { readonly kind: 'committed'; readonly record: StoredRecord; readonly value: unknown }
  | { readonly kind: 'settled'; readonly settlement: Settlement }
  | { readonly kind: 'elsewhere' };

/** One run of the handler under a lease: from the verdict that made this process the owner to the commit that its fence allows. */
export class Attempt<T> {
  readonly #core: Core;
  readonly #flow: FlowName;
  readonly #plan: RunPlan;
  readonly #record: StoredRecord;
  readonly #controller = new AbortController();
  #watching: Wait<Ending> | undefined;
  #abandoned = false;
  #finished = false;

  constructor(core: Core, flow: FlowName, plan: RunPlan, record: StoredRecord) {
    this.#core = core;
    this.#flow = flow;
    this.#plan = plan;
    this.#record = record;
  }

  /** Rejects with the handler's failure, once committed, or with what became of the flow instead. */
  async run(handler: RunHandler<T>): Promise<AttemptEnd> {
    const { fence, attempt } = this.#record;
    const { leaseMs } = this.#plan;
    let lose: (end: Promise<AttemptEnd>) => void = () => undefined;
    const lost = new Promise<AttemptEnd>((resolve) => {
      lose = resolve;
    });
    const lease = new Lease(
      this.#core,
      this.#flow,
      { fence, owner: this.#core.brokerId, leaseMs },
      (error) => {
        this.#controller.abort(error ?? superseded(this.#flow));
        // What Redis could not be asked about may still be this process's to commit; its fence decides.
        if (!(error instanceof FlowOwnerLostError)) lose(Promise.resolve({ kind: 'elsewhere' }));
      },
    );
    const watch = setTimeout(() => {
      this.#watch(lose);
    }, WATCH_AFTER_MS);
    const context = { signal: this.#controller.signal, fence, attempt, coordinated: true };
    const finished = (async () => handler(context))()
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
      lease.stop();
      clearTimeout(watch);
      this.#finished = true;
      this.#watching?.stop(new FlowClosedError('the attempt is over', { flow: this.#flow }));
    }
  }

  /** Nobody here wants it any more: the handler is told, and the flow is free for others at once. */
  async abandon(reason: unknown): Promise<void> {
    if (this.#abandoned) return;
    this.#abandoned = true;
    this.#controller.abort(reason);
    await this.#core.verbs.release(this.#flow, this.#record.fence, this.#core.brokerId);
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
      return { kind: 'committed', record, value };
    }
    if (record.origin !== this.#record.origin) throw superseded(this.#flow);
    if (isTerminal(record.status))
      return { kind: 'settled', settlement: settlementOf(record, record.status) };
    return { kind: 'elsewhere' };
  }

  /** Listens for the flow's end from elsewhere, so that the handler is told at once and not at the next renewal. */
  #watch(lose: (end: Promise<AttemptEnd>) => void): void {
    const { verbs, waiters } = this.#core;
    const watching = new Wait(waiters, this.#flow, {}, (ending) => ending);
    this.#watching = watching;
    watching.begin((line) => verbs.read(this.#flow, line)).catch(() => undefined); // its failure is the ending
    void watching.outcome.then((ending) => {
      if (this.#finished || ending.kind === 'lapsed') return;
      this.#controller.abort(endReasonOf(this.#flow, ending, this.#plan.settings.payloads));
      lose(ending.kind === 'error' ? Promise.reject(ending.error) : Promise.resolve(ending));
    });
  }
}
