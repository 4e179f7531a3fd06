import type { FlowName } from '../errors.js';
import type { Runs } from '../features/run/runs.js';
import type { Topology } from '../redis/topology.js';
import type { Core } from '../waiters/core.js';

/** What every definition of one broker stands on. */
export interface Foundation {
  readonly core: Core;
  readonly runs: Runs;
  readonly topology: Topology;
  readonly prefix: string;
  /** Throws ERR_FLOW_CLOSED once the broker is closed. */
  check(flow?: FlowName): void;
}
