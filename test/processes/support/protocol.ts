import type { BrokerOptions, FlowOptions } from '../../../src/index.js';

/** What a replica is started with, as JSON. */
export interface ReplicaConfig {
  readonly url: string;
  /** Where handlers count their runs, past any proxy; default: `url`. */
  readonly countAt?: string;
  /** Which ioredis; 5 is lent to the broker as an instance, which it duplicates, and speaks RESP2. Default 6. */
  readonly ioredis?: 5 | 6;
  readonly broker?: Omit<BrokerOptions, 'redis' | 'logger'>;
  readonly flow?: Omit<FlowOptions, 'codec' | 'freshUntil'>;
  /** On SIGTERM the replica closes its broker with this and exits by itself. */
  readonly drainMs?: number;
}

/** What a handler in a replica does. Its result names the process and the attempt, so that two runs never look alike. */
export interface HandlerPlan {
  /** Returns after so many ms; without it, when told to. */
  readonly takesMs?: number;
  /** Goes on although its signal aborts. */
  readonly deaf?: boolean;
  /** Does not count itself in Redis, for a Redis that does not answer. */
  readonly uncounted?: boolean;
}

/** How a wait or run in a replica ended. Instants are of Date.now(). */
export interface Outcome {
  readonly value?: unknown;
  readonly fence?: number;
  readonly code?: string;
  readonly message?: string;
  readonly endedAt: number;
}

/** What a replica tells unasked. */
export type ReplicaEvent =
  | { readonly event: 'started'; readonly id: string; readonly attempt: number; readonly fence: number }
  | { readonly event: 'aborted'; readonly id: string; readonly attempt: number; readonly code: string }
  | { readonly event: 'warned'; readonly text: string }
  | { readonly event: 'logged'; readonly level: string; readonly text: string }
  | { readonly event: 'told'; readonly channel: string; readonly at: number };

export interface Call {
  readonly call: number;
  readonly op: string;
  readonly args: readonly unknown[];
}

export interface Answer {
  readonly call: number;
  readonly value?: unknown;
  readonly failure?: string;
}
