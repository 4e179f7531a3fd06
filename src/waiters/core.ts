import type { Telemetry } from '../broker/telemetry.js';
import type { Verbs } from '../broker/verbs.js';
import type { FlowLogger } from '../options.js';
import type { Waiters } from './waiters.js';

/** What the features are built on: the verbs, the waiters, and who this broker is. */
export interface Core {
  readonly brokerId: string;
  readonly verbs: Verbs;
  readonly waiters: Waiters;
  readonly telemetry: Telemetry;
  readonly logger: FlowLogger | undefined;
  readonly commandTimeoutMs: number;
}
