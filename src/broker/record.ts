import type { ErrorInfo } from '../contract/error-info.js';
import type { StoredRecord } from '../contract/replies.js';
import type { FlowStatus } from '../contract/status.js';
import type { FlowName } from '../errors.js';
import type { Payloads } from './payloads.js';

/** A flow as it stands. Instants are milliseconds since the epoch, of the server's clock. */
export interface FlowRecord<T = unknown, M = unknown> {
  readonly type: string;
  readonly id: string;
  readonly status: FlowStatus;
  /** Grows with each creation, takeover and replacement; given back to settle, delete or reject exactly this state. */
  readonly fence: number;
  /** The fence at creation: stays while owners change. */
  readonly origin: number;
  /** Which run of the handler this is; 0 for a flow without an owner. */
  readonly attempt: number;
  readonly createdAt: number;
  readonly deadlineAt: number;
  readonly metadata: M;
  readonly owner?: string;
  readonly leaseUntil?: number;
  readonly settledAt?: number;
  /** Which request settled it; `timeout` for the deadline, `owner_lost` for a flow whose attempts are used up. */
  readonly settledBy?: string;
  readonly freshUntil?: number;
  /** With COMPLETED. */
  readonly result?: T;
  /** With FAILED and CANCELED. */
  readonly error?: ErrorInfo;
}

/** Decodes a stored record; `sent` is a payload that the caller just sent and the reply left out. */
export function flowRecord<T, M>(
  flow: FlowName,
  stored: StoredRecord,
  payloads: Payloads,
  sent?: Sent,
): FlowRecord<T, M> {
  const { status, fence, origin, attempt, createdAt, deadlineAt } = stored;
  const { owner, leaseUntil, settledAt, settledBy, freshUntil } = stored;
  const metadata = payloads.decode(flow, 'metadata', stored.metadata) as M;
  const { type, id } = flow;
  const record: Writable<FlowRecord<T, M>> = {
    type,
    id,
    status,
    fence,
    origin,
    attempt,
    createdAt,
    deadlineAt,
    metadata,
  };
  if (owner !== undefined) record.owner = owner;
  if (leaseUntil !== undefined) record.leaseUntil = leaseUntil;
  if (settledAt !== undefined) record.settledAt = settledAt;
  if (settledBy !== undefined) record.settledBy = settledBy;
  if (freshUntil !== undefined) record.freshUntil = freshUntil;
  if (sent) {
    if ('result' in sent) record.result = sent.result as T;
    else record.error = sent.error;
  } else if (stored.payload) addEnding(record, flow, stored, stored.payload, payloads);
  return record;
}

type Writable<R> = { -readonly [K in keyof R]: R[K] };

/** A payload as it was before it was encoded. */
export type Sent = { readonly result: unknown } | { readonly error: ErrorInfo };

function addEnding<T, M>(
  record: Writable<FlowRecord<T, M>>,
  flow: FlowName,
  { status, settledBy }: StoredRecord,
  payload: Buffer,
  payloads: Payloads,
): void {
  if (status === 'COMPLETED') record.result = payloads.decode(flow, 'result', payload) as T;
  else record.error = payloads.decodeError(flow, payload, settledBy === 'owner_lost');
}
