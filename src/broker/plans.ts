import type { Argument, CreateOptions, SettleOptions } from '../contract/scripts.js';
import type { SettleStatus } from '../contract/status.js';

/** What create is asked, besides the flow. */
export interface CreatePlan {
  readonly request: string;
  readonly timeoutMs: number;
  readonly metadata: Argument;
  readonly options: CreateOptions;
}

/** What settle is asked, besides the flow. */
export interface SettlePlan {
  readonly request: string;
  readonly status: SettleStatus;
  readonly payload: Argument;
  readonly options: SettleOptions;
}
