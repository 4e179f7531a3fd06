import type { FlowMessage } from '../contract/messages.js';
import { lacksPayload, type StoredRecord } from '../contract/replies.js';
import { isTerminal, type TerminalStatus } from '../contract/status.js';
import {
  describeFlow,
  FlowDeletedError,
  FlowNotFoundError,
  FlowSupersededError,
  type FlowError,
  type FlowName,
} from '../errors.js';

/** The part of a waiter that decides what concerns it. */
export interface Follower {
  readonly origin: number | undefined;
  readonly boundAt: number;
  readonly followsLease: boolean;
}

/** How a flow ended, with its payload still in bytes. */
export interface Settlement {
  readonly status: TerminalStatus;
  readonly origin: number;
  readonly fence: number;
  readonly payload: Buffer | undefined;
  /** Failed by the scripts themselves, since no attempt was left. */
  readonly ownerLost: boolean;
}

/** How one wait ends: with the flow, with an error, or, for one that would run the handler itself, with a lease that is over. */
export type Ending =
  | { readonly kind: 'settled'; readonly settlement: Settlement }
  | { readonly kind: 'error'; readonly error: Error }
  | { readonly kind: 'lapsed' };

/** How a wait ends by what was said; `read` where only the record can tell, undefined where it goes on. */
export function endingByMessage(
  flow: FlowName,
  waiter: Follower,
  message: FlowMessage,
): Ending | 'read' | undefined {
  if (message.origin !== waiter.origin) return 'read';
  switch (message.event) {
    case 'RELEASED':
      return waiter.followsLease ? { kind: 'lapsed' } : undefined;
    case 'SUPERSEDED':
      return { kind: 'error', error: superseded(flow) };
    case 'DELETED':
      return { kind: 'error', error: deleted(flow) };
    default:
      return settlementIn(message) ?? 'read';
  }
}

/** The same by what a read found. Reads may overtake one another: what is older than the waiter's own first read is no news. */
export function endingByRecord(
  flow: FlowName,
  waiter: Follower,
  record: StoredRecord | undefined,
  now: number,
): Ending | 'read' | undefined {
  if (waiter.origin === undefined) return undefined;
  // An older flow, seen later: a failover forgot the one waited for, and what it had replaced is back.
  if (!record || record.origin < waiter.origin)
    return now > waiter.boundAt ? { kind: 'error', error: deleted(flow) } : 'read';
  if (record.origin > waiter.origin) return { kind: 'error', error: superseded(flow) };
  if (isTerminal(record.status))
    return !lacksPayload(record)
      ? { kind: 'settled', settlement: settlementOf(record, record.status) }
      : 'read';
  return waiter.followsLease && record.leaseUntil !== undefined && record.leaseUntil <= now
    ? { kind: 'lapsed' }
    : undefined;
}

export function settlementOf(record: StoredRecord, status: TerminalStatus): Settlement {
  const { origin, fence } = record;
  return {
    status,
    origin,
    fence,
    payload: record.payload,
    ownerLost: record.settledBy === 'owner_lost',
  };
}

function settlementIn(message: FlowMessage): Ending | undefined {
  const { event, origin, fence, payload } = message;
  if (event === 'SUPERSEDED' || event === 'DELETED' || event === 'RELEASED' || payload === undefined)
    return undefined;
  return { kind: 'settled', settlement: { status: event, origin, fence, payload, ownerLost: false } };
}

export function superseded(flow: FlowName): FlowError {
  return new FlowSupersededError(`${describeFlow(flow)} was superseded by another flow of this name`, {
    flow,
  });
}

export function notFound(flow: FlowName): FlowError {
  return new FlowNotFoundError(
    `there is no flow ${describeFlow(flow)}: never created, or its retention is over`,
    { flow },
  );
}

export function deleted(flow: FlowName): FlowError {
  return new FlowDeletedError(`${describeFlow(flow)} is gone: deleted, evicted, or lost by the server`, {
    flow,
  });
}
