import type { Reply } from '../contract/replies.js';
import { describeFlow, FlowWaitTimeoutError, type FlowName } from '../errors.js';
import type { Line } from '../redis/line.js';
import type { Ending } from './ending.js';
import type { Due } from './schedule.js';
import { onAbort } from './signals.js';
import type { Waiter } from './watch.js';
import type { Waiters } from './waiters.js';

/** What limits one wait besides the flow itself. */
export interface WaitOptions {
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number | undefined;
  /** It could take the flow over: a lease that is over ends the wait too. */
  readonly followsLease?: boolean;
  /** The flow is known already: what else stands under its name is another. */
  readonly origin?: number;
}

/** Replies on the listening connection stay small: Redis cuts off a listener that is far behind. The same as create's default. */
export const LISTENING_REPLY_LIMIT = 65_536;

/** One wait: bound to a flow by its first call, ended by whatever comes first: the flow, an abort, a timeout, an outage at the start. */
export class Wait<T> implements Waiter, Due {
  origin: number | undefined;
  boundAt = 0;
  at = 0;
  slot = -1;
  readonly followsLease: boolean;
  /** Whether the outcome may reject with nobody there to see it. */
  unawaited = false;
  /** What `conclude` makes of the ending. */
  readonly outcome: Promise<T>;
  readonly #waiters: Waiters;
  readonly #flow: FlowName;
  readonly #options: WaitOptions;
  readonly #conclude: (ending: Ending) => T;
  #resolve: (value: T) => void = () => undefined;
  #reject: (error: unknown) => void = () => undefined;
  #rejectBegin: ((error: Error) => void) | undefined;
  #ended = false;

  constructor(waiters: Waiters, flow: FlowName, options: WaitOptions, conclude: (ending: Ending) => T) {
    this.#waiters = waiters;
    this.#flow = flow;
    this.#options = options;
    this.#conclude = conclude;
    this.origin = options.origin;
    this.followsLease = options.followsLease === true;
    this.outcome = new Promise<T>((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** Registers, subscribes and makes the first call. Rejects as that does, or when the wait is ended before it answers. */
  begin<R extends Reply<string>>(first: (line: Line) => Promise<R>): Promise<R> {
    return new Promise<R>((resolve, reject) => {
      this.#rejectBegin = reject;
      this.listen(first, (reply) => {
        this.#rejectBegin = undefined;
        resolve(reply);
      });
    });
  }

  /** The same for who only waits for the outcome, which is what a failure of the call leads to. */
  listen<R extends Reply<string>>(first: (line: Line) => Promise<R>, bound?: (reply: R) => void): void {
    const { signal, timeoutMs } = this.#options;
    if (signal) onAbort(signal, this);
    if (timeoutMs !== undefined) this.#waiters.schedule(this, timeoutMs);
    this.#waiters.begin(this.#flow, this, first, bound, (error) => {
      this.end({ kind: 'error', error });
    });
  }

  /** Ends the wait from here; the flow goes on. */
  stop(error: Error): void {
    this.#waiters.leave(this.#flow, this);
    this.end({ kind: 'error', error });
  }

  end(ending: Ending): void {
    if (this.#ended) return;
    this.#ended = true;
    if (this.slot >= 0) this.#waiters.unschedule(this);
    this.#options.signal?.removeEventListener('abort', this);
    if (ending.kind === 'error') this.#rejectBegin?.(ending.error);
    try {
      this.#resolve(this.#conclude(ending));
    } catch (error) {
      if (this.unawaited) this.outcome.catch(() => undefined);
      this.#reject(error);
    }
  }

  /** The signal aborted. */
  handleEvent(): void {
    this.stop(this.#options.signal?.reason as Error);
  }

  due(): void {
    const text = `waited ${String(this.#options.timeoutMs)} ms for ${describeFlow(this.#flow)}; it goes on`;
    this.stop(new FlowWaitTimeoutError(text, { flow: this.#flow }));
  }
}
