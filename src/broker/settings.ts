import { jsonCodec, type Codec } from '../contract/codec.js';
import { checkType } from '../contract/keys.js';
import type { CreateOptions } from '../contract/scripts.js';
import { TERMINAL_STATUSES, type TerminalStatus } from '../contract/status.js';
import { FlowInvalidArgumentError } from '../errors.js';
import {
  DEFAULTS,
  functionOrNone,
  knownOptions,
  MAX_MS,
  shown,
  wholeNumber,
  type FlowOptions,
  type Quorum,
  type Retention,
} from '../options.js';
import { Payloads } from './payloads.js';

/** The options of one definition, checked and as the scripts want them. */
export interface Settings {
  readonly type: string;
  readonly timeoutMs: number;
  /** Undefined where it is the contract's default, which need not be stored. */
  readonly retention: string | undefined;
  readonly leaseMs: number;
  readonly maxAttempts: number;
  readonly reuse: string | undefined;
  readonly minFreshMs: number;
  /** What create is asked where the caller gives no options. */
  readonly createOptions: CreateOptions;
  readonly freshUntil: ((result: never) => number | undefined) | undefined;
  readonly payloads: Payloads;
  readonly quorum: Quorum | undefined;
}

const NAMES = [
  'timeoutMs',
  'retentionMs',
  'leaseMs',
  'maxAttempts',
  'freshUntil',
  'reuse',
  'minFreshMs',
  'codec',
  'maxPayloadBytes',
  'quorum',
];
const RETENTION_NAMES = ['completed', 'failed', 'canceled', 'timedOut'] as const;
const MAX_ATTEMPTS = 1_000_000;
/** What Redis takes as one string. */
export const MAX_BYTES = 512 * 1024 * 1024;
const LEAST_PAYLOAD = 64; // a bare error needs no more, and must always find room

export function settingsOf<T>(type: unknown, options: FlowOptions<T> = {}): Settings {
  knownOptions('the options of define', options, NAMES);
  const { flow } = DEFAULTS;
  functionOrNone('freshUntil', options.freshUntil);
  const retention = retentionOf(options.retentionMs);
  const reuse = reuseOf(options.reuse);
  const minFreshMs = checkMinFresh(options.minFreshMs, flow.minFreshMs);
  return {
    type: checkType(type),
    timeoutMs: checkTimeout(options.timeoutMs, flow.timeoutMs),
    retention,
    leaseMs: checkLease(options.leaseMs, flow.leaseMs),
    maxAttempts: checkAttempts(options.maxAttempts, flow.maxAttempts),
    reuse,
    minFreshMs,
    createOptions: { retention, reuse, minFreshMs: minFreshMs || undefined },
    freshUntil: options.freshUntil,
    quorum: quorumOf(options.quorum),
    payloads: new Payloads(
      codecOf(options.codec),
      wholeNumber('maxPayloadBytes', options.maxPayloadBytes, flow.maxPayloadBytes, LEAST_PAYLOAD, MAX_BYTES),
    ),
  };
}

export function checkTimeout(value: unknown, fallback: number): number {
  return wholeNumber('timeoutMs', value, fallback, 1, MAX_MS);
}

export function checkLease(value: unknown, fallback: number): number {
  return wholeNumber('leaseMs', value, fallback, 100, MAX_MS);
}

export function checkAttempts(value: unknown, fallback: number): number {
  return wholeNumber('maxAttempts', value === Infinity ? 0 : value, fallback, 0, MAX_ATTEMPTS);
}

export function checkMinFresh(value: unknown, fallback: number): number {
  return wholeNumber('minFreshMs', value, fallback, 0, MAX_MS);
}

export function checkFence(name: string, value: unknown): number | undefined {
  return value === undefined ? undefined : wholeNumber(name, value, 0, 1, Number.MAX_SAFE_INTEGER);
}

/** Statuses as the scripts take them; undefined where it is their default. */
export function reuseOf(reuse: readonly TerminalStatus[] | undefined): string | undefined {
  if (reuse === undefined) return undefined;
  const words = statusList('reuse', reuse, TERMINAL_STATUSES);
  return words === 'COMPLETED' ? undefined : words;
}

export function statusList(name: string, list: unknown, known: readonly string[]): string {
  if (!Array.isArray(list)) throw new FlowInvalidArgumentError(`${name} must be an array of statuses`);
  for (const status of list as unknown[]) {
    if (!known.includes(status as string)) {
      throw new FlowInvalidArgumentError(`${name} must hold only ${known.join(', ')}, got ${shown(status)}`);
    }
  }
  return list.join(',');
}

function retentionOf(given: number | Retention | undefined): string | undefined {
  if (given === undefined) return undefined;
  const { retention } = DEFAULTS;
  if (typeof given !== 'object') {
    const all = wholeNumber('retentionMs', given, 0, 1, MAX_MS);
    return RETENTION_NAMES.map(() => all).join(' ');
  }
  knownOptions('retentionMs', given, RETENTION_NAMES);
  return RETENTION_NAMES.map((name) =>
    wholeNumber(`retentionMs.${name}`, given[name], retention[name], 1, MAX_MS),
  ).join(' ');
}

function quorumOf(quorum: Quorum | undefined): Quorum | undefined {
  if (quorum === undefined || typeof (Object(quorum) as Partial<Quorum>).lock === 'function') return quorum;
  throw new FlowInvalidArgumentError('quorum must have the method lock, as what redlockQuorum returns');
}

function codecOf(codec: Codec | undefined): Codec {
  if (codec === undefined) return jsonCodec;
  const { encode, decode } = Object(codec) as Partial<Codec>;
  if (typeof encode !== 'function' || typeof decode !== 'function') {
    throw new FlowInvalidArgumentError('codec must have the methods encode and decode');
  }
  return codec;
}
