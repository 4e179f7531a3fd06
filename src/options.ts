import type { Cluster, ClusterNode, ClusterOptions, Redis, RedisOptions } from 'ioredis';
import type { Codec } from './contract/codec.js';
import type { TerminalStatus } from './contract/status.js';
import { FlowInvalidArgumentError } from './errors.js';

/** What a broker can be told to log to: a pino logger, or anything with these methods. Object first, constant message. */
export interface FlowLogger {
  child(bindings: Record<string, unknown>): FlowLogger;
  debug(details: object, message: string): void;
  info(details: object, message: string): void;
  warn(details: object, message: string): void;
  error(details: object, message: string): void;
}

/** How long a record stays after its flow ended, in milliseconds, for each way to end. */
export interface Retention {
  /** Default 300,000: a late caller within five minutes still gets the result. */
  readonly completed?: number | undefined;
  /** Default 60,000. */
  readonly failed?: number | undefined;
  /** Default 60,000. */
  readonly canceled?: number | undefined;
  /** After the deadline; default 60,000. */
  readonly timedOut?: number | undefined;
}

/** A Redis Cluster whose connections the broker opens: some of its nodes, and whatever else ioredis needs for each connection. */
export interface ClusterTarget extends Omit<
  RedisOptions,
  'host' | 'port' | 'path' | 'db' | 'sentinels' | 'natMap'
> {
  /** Any of its nodes, as `{ host, port }` or URLs; the rest is found. */
  readonly cluster: readonly ClusterNode[];
  /** Addresses as the nodes know them, to addresses that can be reached from here. */
  readonly natMap?: ClusterOptions['natMap'];
  readonly dnsLookup?: ClusterOptions['dnsLookup'];
}

/** Options of {@link createBroker}. Times are milliseconds. */
export interface BrokerOptions {
  /**
   * Where Redis is: a URL, ioredis options, `{ cluster: [nodes] }` or `{ sentinels, name }` (the broker opens and closes the
   * connections), or an ioredis `Redis` or `Cluster` of yours. Yours is borrowed: commands go over it, it is never closed nor put into
   * subscriber mode; duplicates of it listen, in a Cluster and under Sentinel one for each node.
   */
  readonly redis: string | RedisOptions | ClusterTarget | Redis | Cluster;
  /** First part of every key and channel; default `flow`. */
  readonly prefix?: string | undefined;
  /** A pino logger; each component logs through a child of it. Default: no logging. Payloads are never logged. */
  readonly logger?: FlowLogger | undefined;
  /**
   * Keyspace events as additional hints: `auto` (default) uses them when the server has them on, `configure` turns them on
   * with CONFIG SET, `off` never asks. Nothing depends on them.
   */
  readonly notifications?: 'auto' | 'configure' | 'off' | undefined;
  /** How often everything waiting is re-read while wake-ups do not arrive; jittered. Default 500. */
  readonly pollMs?: number | undefined;
  /** How often a waiting flow is re-read while wake-ups do arrive; jittered. Default 60,000. */
  readonly rereadMs?: number | undefined;
  /** How often the broker sends itself a message to see that wake-ups arrive, while anything waits. Default 5,000. */
  readonly heartbeatMs?: number | undefined;
  /** How long one command may take before it is `ERR_FLOW_UNAVAILABLE`. Default 5,000. */
  readonly commandTimeoutMs?: number | undefined;
  /** How long the first connection may take before what waits for it is `ERR_FLOW_UNAVAILABLE`. Default 5,000. */
  readonly connectTimeoutMs?: number | undefined;
  /** A result or error up to this many bytes travels with the wake-up; a larger one is read. Default 8,192; 0 is never. */
  readonly inlineBytes?: number | undefined;
}

/** A lock on several servers that outlives the loss of some; `redlockQuorum` makes one. */
export interface Quorum {
  /** One try: the lock, or undefined if they do not grant it now. Rejects only if it can never work. */
  lock(name: string, ttlMs: number): Promise<QuorumLock | undefined>;
  close(): void;
}

/** A lock that is held. */
export interface QuorumLock {
  /** How long it is sure to be held, in ms. */
  readonly remainingMs: number;
  /** Whether it is held for so many ms more. */
  extend(ttlMs: number): Promise<boolean>;
  /** Never rejects. */
  release(): Promise<void>;
}

/** Options of {@link Broker.define}. Times are milliseconds. */
export interface FlowOptions<T = unknown> {
  /** From creation to the deadline. Default 300,000. */
  readonly timeoutMs?: number | undefined;
  /** One number for every way to end, or one for each. See {@link Retention}. */
  readonly retentionMs?: number | Retention | undefined;
  /** How long an owner that `run` made holds the flow without renewing; it renews at a third. Default 15,000. */
  readonly leaseMs?: number | undefined;
  /** How many owners a flow may have, one after another, before it is failed as `owner_lost`. Default: no limit. */
  readonly maxAttempts?: number | undefined;
  /** Until when a result may be handed to later callers: ms since the epoch, or undefined for the whole retention. */
  readonly freshUntil?: ((result: T) => number | undefined) | undefined;
  /** Ways to have ended that `create`, `open` and `run` hand back instead of starting anew. Default `['COMPLETED']`. */
  readonly reuse?: readonly TerminalStatus[] | undefined;
  /** A COMPLETED result is only handed back if it stays fresh at least this long. Default 0. */
  readonly minFreshMs?: number | undefined;
  /**
   * Guards the handler of `run` by a lock on several independent servers, for unrepeatable work that must not run twice even if a failover
   * forgot the flow; see `redlockQuorum`. Its loss aborts the handler's signal. Default: none; the flow's own lease is enough.
   */
  readonly quorum?: Quorum | undefined;
  /** How values become bytes. Default `jsonCodec`. */
  readonly codec?: Codec | undefined;
  /** The most bytes of one result, error or metadata. Default 1,048,576. */
  readonly maxPayloadBytes?: number | undefined;
}

/** Ten years: the most any time may be. */
export const MAX_MS = 315_360_000_000;

/** Every default there is. */
export const DEFAULTS = {
  broker: {
    prefix: 'flow',
    notifications: 'auto',
    pollMs: 500,
    rereadMs: 60_000,
    heartbeatMs: 5_000,
    commandTimeoutMs: 5_000,
    connectTimeoutMs: 5_000,
    inlineBytes: 8_192,
  },
  flow: {
    timeoutMs: 300_000,
    leaseMs: 15_000,
    maxAttempts: 0,
    reuse: ['COMPLETED'],
    minFreshMs: 0,
    maxPayloadBytes: 1_048_576,
  },
  lease: { leaseMs: 30_000, waitMs: 15_000 },
  call: { replicaTimeoutMs: 1_000 },
  retention: { completed: 300_000, failed: 60_000, canceled: 60_000, timedOut: 60_000 },
} as const;

/** A whole number within bounds, or the default where none is given; anything else is refused by name. */
export function wholeNumber(
  name: string,
  value: unknown,
  fallback: number,
  least: number,
  most: number,
): number {
  if (value === undefined) return fallback;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least && value <= most)
    return value;
  throw new FlowInvalidArgumentError(
    `${name} must be a whole number from ${String(least)} to ${String(most)}, got ${shown(value)}`,
  );
}

/** One of some words, or the default. */
export function oneOf<W extends string>(name: string, value: unknown, fallback: W, words: readonly W[]): W {
  if (value === undefined) return fallback;
  const word = words.find((known) => known === value);
  if (word !== undefined) return word;
  throw new FlowInvalidArgumentError(`${name} must be one of ${words.join(', ')}, got ${shown(value)}`);
}

/** Refuses anything that is no plain options object, and options that nothing reads. */
export function knownOptions(what: string, options: unknown, names: readonly string[]): void {
  if (options === undefined) return;
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new FlowInvalidArgumentError(`${what} must be an object, got ${shown(options)}`);
  }
  for (const name of Object.keys(options)) {
    if (!names.includes(name))
      throw new FlowInvalidArgumentError(
        `${what} has no option ${JSON.stringify(name)}; known: ${names.join(', ')}`,
      );
  }
}

/** A function where one is given. */
export function functionOrNone(name: string, value: unknown): void {
  if (value !== undefined && typeof value !== 'function') {
    throw new FlowInvalidArgumentError(`${name} must be a function, got ${shown(value)}`);
  }
}

/** An AbortSignal where one is given. */
export function signalOrNone(value: unknown): void {
  if (value !== undefined && !(value instanceof AbortSignal)) {
    throw new FlowInvalidArgumentError(`signal must be an AbortSignal, got ${shown(value)}`);
  }
}

/** How messages show a value that was refused: short, and no object's contents. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 80));
  return typeof value === 'number' || typeof value === 'boolean' || value == null
    ? String(value)
    : typeof value;
}
