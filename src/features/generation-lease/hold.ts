import type { LeaseVerbs } from '../../broker/lease-verbs.js';
import type { LeaseReply } from '../../contract/lease-replies.js';
import { describeFlow, FlowOwnerLostError, type FlowName } from '../../errors.js';
import type { Due } from '../../waiters/schedule.js';
import type { Waiters } from '../../waiters/waiters.js';

/** A generation lease that this process holds. */
export interface LeaseHold {
  /** The generation it was taken in, the new one if it was advanced. */
  readonly generation: number;
  /** Grows with each holder: pass it on to whatever can refuse an older one. */
  readonly fence: number;
  /**
   * Aborts when `leaseMs` has passed (`ERR_FLOW_OWNER_LOST`), for the lease is another's to take from then on, and when the
   * broker closes (`ERR_FLOW_CLOSED`). Not when it was released.
   */
  readonly signal: AbortSignal;
  /**
   * Gives the lease back, and wakes who waits for it. Resolves with false if it was over already. Rejects with
   * `ERR_FLOW_UNAVAILABLE` if Redis cannot be told; the lease then ends by itself. A second call waits for the first.
   */
  release(): Promise<boolean>;
}

/** The holding side of {@link LeaseHold}, asked for at `askedAt` of `performance.now()`; `onOver` is called however it ends. */
export class Hold implements LeaseHold, Due {
  readonly generation: number;
  readonly fence: number;
  at = 0;
  slot = -1;
  readonly #verbs: LeaseVerbs;
  readonly #waiters: Waiters;
  readonly #name: FlowName;
  readonly #owner: string;
  readonly #onOver: (hold: Hold) => void;
  readonly #over = new AbortController();
  #released: Promise<boolean> | undefined;

  constructor(
    verbs: LeaseVerbs,
    waiters: Waiters,
    name: FlowName,
    owner: string,
    { lease, now }: LeaseReply<string>,
    askedAt: number,
    onOver: (hold: Hold) => void,
  ) {
    this.#verbs = verbs;
    this.#waiters = waiters;
    this.#name = name;
    this.#owner = owner;
    this.#onOver = onOver;
    this.generation = lease.generation;
    this.fence = lease.fence;
    // The answer may have been long under way: the lease began when it was asked for, at the earliest.
    const leftMs = (lease.leaseUntil ?? now) - now - (performance.now() - askedAt);
    waiters.schedule(this, Math.max(0, leftMs));
  }

  get signal(): AbortSignal {
    return this.#over.signal;
  }

  release(): Promise<boolean> {
    this.#waiters.unschedule(this);
    this.#onOver(this);
    this.#released ??= this.#free();
    return this.#released;
  }

  /** The lease is over, or will be as soon as Redis hears of it: whoever works under it is told to stop. */
  async end(reason: Error): Promise<void> {
    this.#over.abort(reason);
    await this.release().catch(() => false); // it ends by itself
  }

  due(): void {
    const text = `the time of ${describeFlow(this.#name)} is over; it was not released`;
    this.#over.abort(new FlowOwnerLostError(text, { flow: this.#name }));
    this.#onOver(this);
  }

  async #free(): Promise<boolean> {
    const expired = this.#over.signal.aborted && this.#over.signal.reason instanceof FlowOwnerLostError;
    const { verdict } = await this.#verbs.free(this.#name, this.#owner);
    return verdict === 'freed' && !expired;
  }
}
