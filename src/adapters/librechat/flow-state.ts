import type { FlowRecord } from '../../broker/record.js';
import { timedOutMessage } from './failures.js';

export type FlowStatus = 'PENDING' | 'COMPLETED' | 'FAILED';

/** What is kept with a flow for whoever finishes it; `state` is part of what names an attempt. */
export interface FlowMetadata {
  [key: string]: unknown;
}

/** A flow as `getFlowState` shows it. Instants are milliseconds since the epoch, of the server's clock. */
export interface FlowState<T = unknown> {
  type: string;
  status: FlowStatus;
  metadata: FlowMetadata;
  createdAt: number;
  /** When the flow times out, if nobody settles it: until then its login button is worth showing. */
  expiresAt: number;
  result?: T;
  error?: string;
  errorName?: string;
  completedAt?: number;
  failedAt?: number;
}

export type Stored<T> = FlowRecord<T, FlowMetadata>;

/** Marks a failure that somebody was told of: gone for every caller, still there for a waiter whose connection was down. */
export const SEEN = { seen: true } as const;

function isSeen<T>(record: Stored<T>): boolean {
  return (record.error?.data as Partial<typeof SEEN> | undefined)?.seen === true;
}

/** The record, unless it counts as gone: a failure that was seen, or a time-out of a type whose failures are not retained. */
export function standing<T>(record: Stored<T> | undefined, retained: boolean): Stored<T> | undefined {
  if (!record || retained) return record;
  return isSeen(record) || record.status === 'TIMED_OUT' ? undefined : record;
}

/** Whether it may still be served to later callers. */
export function isFresh<T>(record: Stored<T>): boolean {
  return record.freshUntil === undefined || record.freshUntil >= Date.now();
}

/** The status that FlowStateManager has for it. */
export function statusOf<T>({ status }: Stored<T>): FlowStatus {
  return status === 'PENDING' || status === 'COMPLETED' ? status : 'FAILED';
}

export function stateOf<T>(record: Stored<T>): FlowState<T> {
  const { type, status, metadata, createdAt, deadlineAt, settledAt } = record;
  const base = { type, metadata, createdAt, expiresAt: deadlineAt };
  if (status === 'PENDING') return { ...base, status };
  const at = settledAt ?? deadlineAt;
  if (status === 'COMPLETED') return { ...base, status, result: record.result as T, completedAt: at };
  const { message: error, name: errorName } =
    status === 'TIMED_OUT' || !record.error
      ? { message: timedOutMessage(type), name: 'Error' }
      : record.error;
  return { ...base, status: 'FAILED', error, errorName, failedAt: at };
}
