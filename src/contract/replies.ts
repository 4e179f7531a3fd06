import { FlowRecordError } from '../errors.js';
import { isTerminal, STATUSES, type FlowStatus } from './status.js';

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
  const [verdict, head, metadata, payload] = Array.isArray(reply) ? (reply as (Buffer | undefined)[]) : [];
  if (!verdict || !head) throw new FlowRecordError('a script gave a reply that has no verdict and head');
  const words = head.toString('latin1').split(' ');
  if (words[0] !== '1')
    throw new FlowRecordError(`a script gave a reply of the unknown version ${String(words[0])}`);
  return {
    verdict: verdict.toString('latin1') as V,
    now: Number(words[1]),
    record: metadata && parseRecord(words, metadata, payload),
  };
}

/** Whether the reply left the payload of this record out. */
export function lacksPayload(record: StoredRecord): boolean {
  return isTerminal(record.status) && record.status !== 'TIMED_OUT' && record.payload === undefined;
}

function parseRecord(words: string[], metadata: Buffer, payload: Buffer | undefined): StoredRecord {
  return {
    status: statusOf(words[2]),
    fence: Number(words[3]),
    origin: Number(words[4]),
    attempt: Number(words[5]),
    createdAt: Number(words[6]),
    deadlineAt: Number(words[7]),
    leaseUntil: numberOf(words[8]),
    settledAt: numberOf(words[9]),
    freshUntil: numberOf(words[10]),
    owner: wordOf(words[11]),
    settledBy: wordOf(words[12]),
    metadata,
    payload,
  };
}

function numberOf(word: string | undefined): number | undefined {
  return word === '-' ? undefined : Number(word);
}

function wordOf(word: string | undefined): string | undefined {
  return word === '-' ? undefined : word;
}

const KNOWN: ReadonlySet<string | undefined> = new Set(STATUSES);

function statusOf(word: string | undefined): FlowStatus {
  if (!KNOWN.has(word)) throw new FlowRecordError(`a record has the unknown status ${JSON.stringify(word)}`);
  return word as FlowStatus;
}
