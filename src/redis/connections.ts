import type { Redis, RedisOptions } from 'ioredis';
import type { Reach } from './reach.js';
import { endWhenSilent } from './silence.js';

/** What every connection of one broker shares. */
export interface ConnectionOptions {
  /** Whether the client is the caller's own, never to be closed. */
  readonly borrowed: boolean;
  readonly commandTimeoutMs: number;
  readonly connectTimeoutMs: number;
  /** The last that went wrong with a connection. */
  readonly lastError: () => Error | undefined;
  /** Where the broker sends its own heartbeat. */
  readonly beatChannel: string;
  readonly onError: (error: Error) => void;
}

const RETRY_MS = 100;

// A hung server sends nothing, not even to the PING of the heartbeat: only this ends such a connection.
export const SILENCE_MS = 10_000;

// How long a connection that ends is given to end by itself. ioredis waits as long for one that is down already, and the process with it.
const GOODBYE_MS = 100;

/** Makes a connection the broker's: its errors are heard, and it ends when it hangs. */
export function own(redis: Redis, onError: (error: Error) => void): void {
  redis.on('error', onError);
  endWhenSilent(redis, SILENCE_MS);
}

// Resubscribing is the broker's own (in batches, each followed by its re-reads); ioredis must not do it beforehand. Nor may it resend: of a
// SUBSCRIBE that was partly confirmed it expects only the rest, and gives the surplus to the commands behind it (measured on 6). What was
// under way is asked elsewhere.
export const LISTENING = {
  autoResubscribe: false,
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
  retryStrategy: () => RETRY_MS * (0.5 + Math.random()),
  enableAutoPipelining: false,
  enableOfflineQueue: true,
  enableReadyCheck: true,
  lazyConnect: false,
  disconnectTimeout: GOODBYE_MS,
  connectionName: 'flowbroker',
} satisfies Partial<RedisOptions>;

// Several listen: a dead one need not be back soon.
export const LISTENING_TO_NODE = {
  ...LISTENING,
  retryStrategy: () => RETRY_MS * (2 + 2 * Math.random()),
  readOnly: false,
} satisfies Partial<RedisOptions>;

export const COMMANDING = {
  maxRetriesPerRequest: null,
  retryStrategy: (times: number) => Math.min(times * 50, 1_000) * (0.5 + Math.random()),
  disconnectTimeout: GOODBYE_MS,
} satisfies RedisOptions;

/** For the line of commands: how long the first connection may take, and why it failed. */
export function reachOf({ connectTimeoutMs, lastError }: ConnectionOptions): Reach {
  return { withinMs: connectTimeoutMs, why: lastError };
}

/** A connection to the same server that fails rather than repeat what was under way: the answers would be another connection's. */
export function confirmingLike(redis: Redis, { onError }: Pick<ConnectionOptions, 'onError'>): Redis {
  const confirming = redis.duplicate({
    ...COMMANDING,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    lazyConnect: true,
    readOnly: false,
    connectionName: 'flowbroker',
  });
  own(confirming, onError);
  return confirming;
}

/** Where a node of this name (`host:port`, the host possibly IPv6) is. */
export function addressOf(name: string): { readonly host: string; readonly port: number } {
  const colon = name.lastIndexOf(':');
  return { host: name.slice(0, colon), port: Number(name.slice(colon + 1)) };
}
