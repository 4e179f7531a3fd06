import {
  describeFlow,
  FlowDeletedError,
  FlowOwnerLostError,
  FlowSupersededError,
  FlowUnavailableError,
  type FlowName,
} from '../../errors.js';
import type { Core } from '../../waiters/core.js';

/** What an owner holds. */
export interface Held {
  readonly fence: number;
  readonly owner: string;
  readonly leaseMs: number;
  /** When it asked for it, by `performance.now()`: the answer may have been long under way. */
  readonly askedAt: number;
}

/** Keeps a lease by renewing it at a third; tells once when it is lost, settled elsewhere, or can no longer be known to hold. */
export class Lease {
  readonly #core: Core;
  readonly #flow: FlowName;
  readonly #held: Held;
  readonly #onLost: (error: Error | undefined) => void;
  #until: number;
  #timer: NodeJS.Timeout | undefined;
  #endTimer: NodeJS.Timeout | undefined;
  #over = false;

  /** `onLost` gets the reason, or undefined when the flow is terminal and its waiters know how. */
  constructor(core: Core, flow: FlowName, held: Held, onLost: (error: Error | undefined) => void) {
    this.#core = core;
    this.#flow = flow;
    this.#held = held;
    this.#onLost = onLost;
    this.#until = held.askedAt + held.leaseMs;
    this.#renewLater();
    this.#endLater();
  }

  stop(): void {
    this.#over = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#endTimer);
  }

  #renewLater(): void {
    this.#timer = setTimeout(() => {
      void this.#renew();
    }, this.#held.leaseMs / 3);
  }

  /** A renewal may hang for longer than the lease lasts. */
  #endLater(): void {
    const left = Math.max(0, this.#until - performance.now());
    this.#endTimer = setTimeout(() => {
      setImmediate(this.#end); // in a process that was kept busy, the answer may be here, unread
    }, left);
  }

  readonly #end = (): void => {
    if (this.#over) return;
    if (performance.now() < this.#until) this.#endLater();
    else this.#runOut();
  };

  async #renew(): Promise<void> {
    const { fence, owner, leaseMs } = this.#held;
    const flow = this.#flow;
    const name = describeFlow(flow);
    const asked = performance.now();
    try {
      const { verdict } = await this.#core.verbs.renew(flow, fence, owner, leaseMs);
      if (this.#over) return;
      if (verdict === 'renewed') {
        this.#until = asked + leaseMs;
        this.#renewLater();
      } else if (verdict === 'settled') this.#lose(undefined);
      else if (verdict === 'not_found')
        this.#lose(new FlowDeletedError(`${name} is gone while its handler runs`, { flow }));
      else
        this.#lose(
          new FlowSupersededError(`another owner took ${name} over while its handler ran`, { flow }),
        );
    } catch (error) {
      if (this.#over) return;
      const left = this.#until - performance.now();
      if (error instanceof FlowUnavailableError && left > 0) {
        this.#timer = setTimeout(
          () => {
            void this.#renew();
          },
          Math.min(left, leaseMs / 6),
        );
        return;
      }
      this.#runOut(error);
    }
  }

  #runOut(cause?: unknown): void {
    const text = `the lease of ${describeFlow(this.#flow)} ran out before it could be renewed`;
    this.#lose(new FlowOwnerLostError(text, { flow: this.#flow, cause }));
  }

  #lose(error: Error | undefined): void {
    this.stop();
    this.#core.logger?.warn({ flow: this.#flow, fence: this.#held.fence }, 'the lease is no longer held');
    this.#onLost(error);
  }
}
