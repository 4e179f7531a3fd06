import type { Settings } from '../../broker/settings.js';

/** What a handler of `run` is given. */
export interface RunContext {
  /**
   * Aborts when the work is no longer wanted or no longer this process's to do: the last local caller left, the lease was
   * lost, the flow was settled, canceled, superseded or deleted elsewhere, its deadline passed, or the broker closes.
   */
  readonly signal: AbortSignal;
  /** This attempt's fence: pass it on to whatever can refuse an older one. 0 where `coordinated` is false. */
  readonly fence: number;
  /** 1 for the first run of the handler, 2 for the first takeover, and so on. */
  readonly attempt: number;
  /** False only when Redis was unreachable and the caller chose `onUnavailable: 'run'`. */
  readonly coordinated: boolean;
}

/** The work of a flow. What it returns is the result; what it throws fails the flow. */
export type RunHandler<T> = (context: RunContext) => T | PromiseLike<T>;

/** One call of `run`, checked. */
export interface RunPlan {
  readonly settings: Settings;
  readonly metadata: string | Buffer;
  readonly timeoutMs: number;
  readonly leaseMs: number;
  readonly maxAttempts: number;
  readonly minFreshMs: number;
  readonly rejectFence: number | undefined;
  readonly runUncoordinated: boolean;
}
