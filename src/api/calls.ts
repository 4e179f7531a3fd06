import type { FlowRecord } from '../broker/record.js';
import type { FlowStatus, TerminalStatus } from '../contract/status.js';

/** For writes that a failover must not forget: how many replicas are to have them before the call resolves. */
export interface ConfirmOptions {
  /** At least so many replicas, else `ERR_FLOW_UNDER_REPLICATED`. Default: none is waited for. */
  readonly minReplicas?: number | undefined;
  /** How long they may take, in ms; default 1,000. */
  readonly replicaTimeoutMs?: number | undefined;
}

/** Options of one `create`. Times are milliseconds. */
export interface CreateCallOptions<M> extends ConfirmOptions {
  /** Kept with the flow for whoever settles or reads it, such as a PKCE verifier. */
  readonly metadata?: M | undefined;
  /** From now to the deadline; default: the definition's. */
  readonly timeoutMs?: number | undefined;
  /** `join` (default) what is pending, or `supersede` it: its waiters reject with `ERR_FLOW_SUPERSEDED`. */
  readonly conflict?: 'join' | 'supersede' | undefined;
  /** Ways to have ended that are handed back; default: the definition's. */
  readonly reuse?: readonly TerminalStatus[] | undefined;
  /** Hand a COMPLETED flow back only if it stays fresh this long; default: the definition's. */
  readonly minFreshMs?: number | undefined;
  /** Never hand back the COMPLETED flow with this fence. */
  readonly rejectFence?: number | undefined;
}

/** Options of one `wait`. */
export interface WaitCallOptions {
  /** Ends this wait with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Ends this wait after so many ms with `ERR_FLOW_WAIT_TIMEOUT`; the flow goes on. Default: none, the deadline ends it. */
  readonly timeoutMs?: number | undefined;
}

/** Options of one `open`: `timeoutMs` is the flow's, `waitMs` this wait's own. */
export interface OpenCallOptions<M> extends Omit<CreateCallOptions<M>, keyof ConfirmOptions> {
  readonly signal?: AbortSignal | undefined;
  readonly waitMs?: number | undefined;
}

/** Options of one `complete`, `fail` or `cancel`. */
export interface SettleCallOptions extends ConfirmOptions {
  /** Settle only if the flow still has this fence; else `superseded`. */
  readonly fence?: number | undefined;
  /** Keep the record so many ms from now, instead of what it was created with. */
  readonly retentionMs?: number | undefined;
  /** Settle even if it is settled already; needs `fence`, and gives the record a new one. */
  readonly replace?: boolean | undefined;
}

/** Options of one `run`. Times are milliseconds. */
export interface RunCallOptions<M, T = unknown> {
  /** Ends this call alone, with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Ends this call alone, with `ERR_FLOW_WAIT_TIMEOUT`. Default: none, the flow's deadline ends it. */
  readonly waitMs?: number | undefined;
  readonly metadata?: M | undefined;
  /** From creation to the flow's deadline; default: the definition's. */
  readonly timeoutMs?: number | undefined;
  /** Default: the definition's. */
  readonly leaseMs?: number | undefined;
  /** Default: the definition's. 1 for work that must never run twice: if its owner dies, all get `ERR_FLOW_OWNER_LOST`. */
  readonly maxAttempts?: number | undefined;
  /** Take a stored result only if it stays fresh this long; default: the definition's. */
  readonly minFreshMs?: number | undefined;
  /** Never take the stored result with this fence; callers that reject the same one share one new attempt. */
  readonly rejectFence?: number | undefined;
  /** What to do when Redis cannot be reached before the handler began: `throw` (default), or `run` it uncoordinated. */
  readonly onUnavailable?: 'throw' | 'run' | undefined;
  /**
   * Called with the flow that this call comes to, if another call opened it, before this one waits for it, takes it over or takes its
   * result. What it throws rejects this call, and this call alone. Called again in the rare case that it comes to another flow.
   */
  onJoin?(found: JoinResult<T, M>): void;
}

/** What a `run` came to that did not open its flow: `joined` (pending), `taken_over` (its owner was gone, this process owns it now), `settled`. */
export interface JoinResult<T, M> {
  readonly verdict: 'joined' | 'taken_over' | 'settled';
  readonly record: FlowRecord<T, M>;
}

/** Options of one `delete`: what the record must be. */
export interface DeleteCallOptions {
  readonly fence?: number | undefined;
  readonly statuses?: readonly FlowStatus[] | undefined;
}

/** Options of one `list`. */
export interface ListCallOptions {
  /** Only flows that stand so. */
  readonly status?: FlowStatus | undefined;
}

/** What `create` did. */
export interface CreateResult<T, M> {
  readonly verdict: 'created' | 'joined' | 'settled';
  readonly record: FlowRecord<T, M>;
  /** With `minReplicas`: how many replicas have it. */
  readonly replicas?: number;
}

/** What `open` did; `outcome` is how the flow ends. */
export interface OpenResult<T, M> extends Omit<CreateResult<T, M>, 'replicas'> {
  readonly outcome: Promise<T>;
}

/** What `complete`, `fail` or `cancel` came to. `applied` and `duplicate` mean that this caller settled it. */
export type SettleResult<T, M> =
  | {
      readonly verdict: 'applied' | 'duplicate' | 'late' | 'already_settled' | 'superseded';
      readonly record: FlowRecord<T, M>;
      /** With `minReplicas`, where this caller settled it: how many replicas have it. */
      readonly replicas?: number;
    }
  | { readonly verdict: 'not_found'; readonly record: undefined };

/** What `delete` did. A repeated delete does not show the record again. */
export type DeleteResult<T, M> =
  | { readonly verdict: 'deleted'; readonly record: FlowRecord<T, M> | undefined }
  | { readonly verdict: 'mismatch'; readonly record: FlowRecord<T, M> }
  | { readonly verdict: 'not_found'; readonly record: undefined };
