import { type Status } from './calls.js';

/** What the model knows of a flow; instants in ms, fences as they are written. */
export interface Standing {
  status: Status;
  fence: string;
  origin: string;
  attempt: number;
  createdAt: number;
  deadlineAt: number;
  createdBy: string;
  metadata: string;
  owner?: string;
  leaseUntil?: number;
  maxAttempts?: number;
  retention?: readonly [number, number, number, number];
  /** The flow keeps a timer while it is pending. */
  timer?: 1;
  displaced?: string;
  deletedBy?: string;
  endedBy?: string;
  releasedBy?: string;
  settledAt?: number;
  settledBy?: string;
  freshUntil?: number;
  result?: string;
  error?: string;
}

/** A column of the state table. */
export type Column = 'absent' | 'open' | 'owned' | 'lapsed' | 'terminal';

export function columnOf(flow: Standing | undefined, now: number): Column {
  if (!flow) return 'absent';
  if (flow.status !== 'PENDING') return 'terminal';
  if (flow.leaseUntil === undefined) return 'open';
  return flow.leaseUntil > now ? 'owned' : 'lapsed';
}

const DEFAULT_RETENTION = [300_000, 60_000, 60_000, 60_000] as const;

export function retentionOf(flow: Pick<Standing, 'retention'>, status: Exclude<Status, 'PENDING'>): number {
  const at = { COMPLETED: 0, FAILED: 1, CANCELED: 2, TIMED_OUT: 3 }[status];
  return (flow.retention ?? DEFAULT_RETENTION)[at]!;
}

/** The flow as Redis should hold it. */
export function fieldsOf(flow: Standing): Record<string, string> {
  const { retention, timer: _noted, ...rest } = flow; // the timer itself is looked at
  const fields: Record<string, string> = { v: '1' };
  for (const [name, value] of Object.entries(rest)) fields[name] = String(value);
  if (retention) fields['retention'] = retention.join(',');
  return fields;
}
