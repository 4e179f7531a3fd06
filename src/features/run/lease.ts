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
}

/** Keeps a lease by renewing it at a third; tells once when it is lost, settled elsewhere, or can no longer be known to hold. */
export class Lease {
  readonly #core: Core;
  readonly #flow: FlowName;
  readonly #held: Held;
  readonly #onLost: (error: Error | undefined) => void;
  #until: number;
  #timer: NodeJS.Timeout | undefined;
  #over = false;

  /** `onLost` gets the reason, or undefined when the flow is terminal and its waiters know how. */
  constructor(core: Core, flow: FlowName, held: Held, onLost: (error: Error | undefined) => void) {
    this.#core = core;
    this.#flow = flow;
    this.#held = held;
    this.#onLost = onLost;
    this.#until = performance.now() + held.leaseMs;
    this.#renewLater();
  }

  stop(): void {
    this.#over = true;
    clearTimeout(this.#timer);
  }

  #renewLater(): void {
    this.#timer = setTimeout(() => {
      void this.#renew();
    }, this.#held.leaseMs / 3);
  }

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
      this.#lose(
        new FlowOwnerLostError(`the lease of ${name} ran out before it could be renewed`, {
          flow,
          cause: error,
        }),
      );
    }
  }

  #lose(error: Error | undefined): void {
    this.stop();
    this.#core.logger?.warn({ flow: this.#flow, fence: this.#held.fence }, 'the lease is no longer held');
    this.#onLost(error);
  }
}
