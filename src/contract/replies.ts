import { FlowRecordError } from '../errors.js';
import { isTerminal, STATUSES, type FlowStatus } from './status.js';
import { Words } from './words.js';

/** A record as it stands in Redis: numbers and words decoded, payloads still bytes. */
export interface StoredRecord {
  readonly status: FlowStatus;
  readonly fence: number;
  readonly origin: number;
  readonly attempt: number;
  readonly createdAt: number;
  readonly deadlineAt: number;
  readonly leaseUntil: number | undefined;
  readonly settledAt: number | undefined;
  readonly freshUntil: number | undefined;
  readonly owner: string | undefined;
  readonly settledBy: string | undefined;
  readonly metadata: Buffer;
  /** The result, or the error; undefined where the status has none, or where it was left out of the reply. */
  readonly payload: Buffer | undefined;
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

/** Reads `verdict, head, metadata, payload`; see `lua/include/record.lua`. */
export function parseReply<V extends string>(reply: unknown): Reply<V> {
  const parts = Array.isArray(reply) ? (reply as (Buffer | undefined)[]) : [];
  const [verdict, head, metadata] = parts;
  if (!verdict || !head) throw new FlowRecordError('a script gave a reply that has no verdict and head');
  const words = new Words(head);
  const version = words.number();
  if (version !== 1)
    throw new FlowRecordError(`a script gave a reply of the unknown version ${String(version)}`);
  return {
    verdict: verdict.toString('latin1') as V,
    now: words.number(),
    record: metadata && parseRecord(words, metadata, parts[3]),
  };
}

/** Whether the reply left the payload of this record out. */
export function lacksPayload(record: StoredRecord): boolean {
  return isTerminal(record.status) && record.status !== 'TIMED_OUT' && record.payload === undefined;
}

function parseRecord(words: Words, metadata: Buffer, payload: Buffer | undefined): StoredRecord {
  return {
    status: words.oneOf(STATUSES) ?? unknownStatus(words.word()),
    fence: words.number(),
    origin: words.number(),
    attempt: words.number(),
    createdAt: words.number(),
    deadlineAt: words.number(),
    leaseUntil: words.numberOrNone(),
    settledAt: words.numberOrNone(),
    freshUntil: words.numberOrNone(),
    owner: words.wordOrNone(),
    settledBy: words.wordOrNone(),
    metadata,
    payload,
  };
}

function unknownStatus(status: string): never {
  throw new FlowRecordError(`a record has the unknown status ${JSON.stringify(status)}`);
}
