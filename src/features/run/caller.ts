import type { StoredRecord } from '../../contract/replies.js';
import { describeFlow, FlowWaitTimeoutError, type FlowName } from '../../errors.js';
import { onAbort } from '../../waiters/signals.js';

/** What a run came to: the result, and the fence that goes with it, to be given as `rejectFence` if it proves bad. */
export interface RunResult<T> {
  readonly result: T;
  /** 0 for a result that was not coordinated. */
  readonly fence: number;
}

/** What a caller found that did not open the flow. */
export type JoinVerdict = 'joined' | 'taken_over' | 'settled';

/** What limits one caller, and only this caller. */
export interface CallerLimits {
  readonly signal: AbortSignal | undefined;
  readonly waitMs: number | undefined;
  /** Sees what it joins; throws to refuse it. */
  readonly onJoin: ((verdict: JoinVerdict, record: StoredRecord) => void) | undefined;
}

/** One call of `run`: a promise of its own, which its own signal, limit or refusal may end before the run ends. */
export class Caller<T> {
  /** Undefined when the run it joined is no longer one to wait for, and it should begin anew. */
  readonly result: Promise<RunResult<T> | undefined>;
  readonly #limits: CallerLimits;
  readonly #onLeave: (reason: unknown) => void;
  #resolve: (result: RunResult<T> | undefined) => void = () => undefined;
  #reject: (reason: unknown) => void = () => undefined;
  #timer: NodeJS.Timeout | undefined;
  #told: number | undefined;

  /** `onLeave` is called when the caller leaves by its own doing. */
  constructor(flow: FlowName, limits: CallerLimits, onLeave: (reason: unknown) => void) {
    this.#limits = limits;
    this.#onLeave = onLeave;
    this.result = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    const { signal, waitMs } = limits;
    if (signal) onAbort(signal, this.#onSignal);
    if (waitMs === undefined) return;
    this.#timer = setTimeout(() => {
      const text = `waited ${String(waitMs)} ms for ${describeFlow(flow)}`;
      this.#leave(new FlowWaitTimeoutError(text, { flow }));
    }, waitMs);
  }

  /** Shows it what it joins, each flow once; false if it refused, and has left. */
  accepts(verdict: JoinVerdict, record: StoredRecord): boolean {
    const { onJoin } = this.#limits;
    if (!onJoin || this.#told === record.origin) return true;
    this.#told = record.origin;
    try {
      onJoin(verdict, record);
      return true;
    } catch (refusal) {
      this.#leave(refusal);
      return false;
    }
  }

  succeed(result: RunResult<T> | undefined): void {
    this.#done();
    this.#resolve(result);
  }

  dismiss(reason: unknown): void {
    this.#done();
    this.#reject(reason);
  }

  #leave(reason: unknown): void {
    this.dismiss(reason);
    this.#onLeave(reason);
  }

  readonly #onSignal = (): void => {
    this.#leave(this.#limits.signal?.reason);
  };

  #done(): void {
    clearTimeout(this.#timer);
    this.#limits.signal?.removeEventListener('abort', this.#onSignal);
  }
}
