import type { Ahead } from '../redis/topology.js';

/** Who is asked where: the parts of a broker that every verb needs. */
export interface VerbsOptions {
  readonly brokerId: string;
  readonly prefix: string;
  readonly inlineBytes: number;
  readonly commandTimeoutMs: number;
  /** Whether new flows are to keep a timer key: only where Redis tells somebody when it ends. */
  timers: () => boolean;
  /** Where a flow that only others wait for is settled so that they are woken first. */
  aheadFor: (channel: string) => Ahead | undefined;
}
