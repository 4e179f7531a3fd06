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

// What nearly every reply begins with; other verdicts are read as texts.
const COMMON = ['created', 'applied', 'found'] as const;
const NEWLINE = 10;
const NOTHING = Buffer.alloc(0);

/** Reads what a script answered: an array of verdict, head, metadata and payload; or, from a batch, all of them in one string. */
export function parseReply<V extends string>(reply: unknown): Reply<V> {
  if (Buffer.isBuffer(reply)) return parsePacked(reply);
  const [verdict, head, metadata, payload] = Array.isArray(reply) ? (reply as (Buffer | undefined)[]) : [];
  if (!verdict || !head) throw new FlowRecordError('a script gave a reply that has no verdict and head');
  return parseHead(verdict.toString('latin1') as V, new Words(head), metadata, payload);
}

/** The same of `<verdict> <bytes of the metadata> <head>`, a line, and behind it metadata and payload, a line break between. */
function parsePacked<V extends string>(bytes: Buffer): Reply<V> {
  const line = bytes.indexOf(NEWLINE);
  const words = new Words(bytes, 0, line < 0 ? bytes.length : line);
  const verdict = words.oneOf(COMMON) ?? words.word();
  const length = words.numberOrNone();
  if (length === undefined) return parseHead(verdict as V, words, undefined, undefined);
  const end = line + 1 + length;
  if (line < 0 || !(end <= bytes.length))
    throw new FlowRecordError('a batch gave a reply that cannot be read');
  const payload = end < bytes.length ? bytes.subarray(end + 1) : undefined;
  return parseHead(verdict as V, words, length === 0 ? NOTHING : bytes.subarray(line + 1, end), payload);
}

function parseHead<V extends string>(
  verdict: V,
  words: Words,
  metadata: Buffer | undefined,
  payload: Buffer | undefined,
): Reply<V> {
  const version = words.number();
  if (version !== 1)
    throw new FlowRecordError(`a script gave a reply of the unknown version ${String(version)}`);
  return { verdict, now: words.number(), record: metadata && parseRecord(words, metadata, payload) };
}

/** The verdict alone. */
export function verdictOf(reply: unknown): string {
  if (Buffer.isBuffer(reply)) return new Words(reply).word();
  return String((reply as readonly unknown[])[0]);
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
