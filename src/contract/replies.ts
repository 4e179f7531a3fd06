import { FlowRecordError } from '../errors.js';
import { STATUSES, type FlowStatus } from './status.js';

/** A record as it stands in Redis: numbers and words decoded, payloads still bytes. */
export interface StoredRecord {
  status: FlowStatus;
  fence: number;
  origin: number;
  attempt: number;
  createdAt: number;
  deadlineAt: number;
  metadata: Buffer;
  owner?: string;
  leaseUntil?: number;
  settledAt?: number;
  settledBy?: string;
  freshUntil?: number;
  result?: Buffer;
  error?: Buffer;
  /** The payload that was left out of this reply. */
  omitted?: string;
}

/** What a script answered: its verdict, the server's time, and the record if there is one. */
export interface Reply<V extends string> {
  readonly verdict: V;
  readonly now: number;
  readonly record: StoredRecord | undefined;
}

export type CreateVerdict = 'created' | 'joined' | 'taken_over' | 'settled' | 'superseded' | 'not_found';
export type SettleVerdict = 'applied' | 'duplicate' | 'late' | 'already_settled' | 'superseded' | 'not_found';
export type RenewVerdict = 'renewed' | 'superseded' | 'settled' | 'not_found';
export type ReleaseVerdict = 'released' | 'superseded' | 'settled' | 'not_found';
export type ReadVerdict = 'found' | 'not_found';
export type DeleteVerdict = 'deleted' | 'mismatch' | 'not_found';

const text = (bytes: Buffer): string => bytes.toString('latin1');

export function parseReply<V extends string>(reply: unknown): Reply<V> {
  if (!Array.isArray(reply) || reply.length < 2)
    throw new FlowRecordError('a script gave a reply that is no array of strings');
  const parts = reply as Buffer[];
  const verdict = text(parts[0] as Buffer) as V;
  const now = Number(text(parts[1] as Buffer));
  return { verdict, now, record: parts.length > 2 ? parseRecord(parts) : undefined };
}

function parseRecord(parts: Buffer[]): StoredRecord {
  const record: StoredRecord = {
    status: 'PENDING',
    fence: 0,
    origin: 0,
    attempt: 0,
    createdAt: 0,
    deadlineAt: 0,
    metadata: EMPTY,
  };
  for (let at = 2; at + 1 < parts.length; at += 2) {
    const value = parts[at + 1] as Buffer;
    const field = text(parts[at] as Buffer);
    switch (field) {
      case 'status':
        record.status = statusOf(text(value));
        break;
      case 'metadata':
      case 'result':
      case 'error':
        record[field] = value;
        break;
      case 'owner':
      case 'settledBy':
      case 'omitted':
        record[field] = text(value);
        break;
      case 'fence':
      case 'origin':
      case 'attempt':
      case 'createdAt':
      case 'deadlineAt':
      case 'leaseUntil':
      case 'settledAt':
      case 'freshUntil':
        record[field] = Number(text(value));
        break;
      default: // fields of the contract that only scripts need
    }
  }
  return record;
}

const EMPTY = Buffer.alloc(0);

function statusOf(word: string): FlowStatus {
  const status = STATUSES.find((known) => known === word);
  if (!status)
    throw new FlowRecordError(`a record has the unknown status ${JSON.stringify(word.slice(0, 40))}`);
  return status;
}
