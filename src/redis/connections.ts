import { Redis, type RedisOptions } from 'ioredis';
import { FlowInvalidArgumentError } from '../errors.js';

/** The connections of one broker: `commands` for everything that is asked, `listen` for a second one that is woken. */
export interface Connections {
  readonly commands: Redis;
  /** Whether `commands` is the caller's own, never to be closed. */
  readonly borrowed: boolean;
  readonly db: number;
  listen(): Redis;
  close(): void;
}

const RETRY_MS = 100;

// A hung server sends nothing, not even to the PING of the heartbeat: only this ends such a connection.
const SILENCE_MS = 10_000;

/** Opens connections for a URL or options, or borrows an ioredis instance. Refuses what cannot work, at once and by name. */
export function connect(target: unknown, onError: (error: Error) => void): Connections {
  const borrowed = isInstance(target);
  const commands = borrowed ? target : open(target);
  const { db, keyPrefix } = commands.options;
  if (keyPrefix !== undefined && keyPrefix !== '') {
    if (!borrowed) commands.disconnect();
    throw new FlowInvalidArgumentError(
      `redis must have no keyPrefix (it has ${JSON.stringify(keyPrefix)}): ioredis rewrites keys with it, but not channels; use the option prefix`,
    );
  }
  if (!borrowed) own(commands, onError);
  let listening: Redis | undefined;
  return {
    commands,
    borrowed,
    db: db ?? 0,
    listen() {
      if (!listening) {
        listening = commands.duplicate(LISTENING);
        own(listening, onError);
      }
      return listening;
    },
    close() {
      listening?.disconnect();
      if (!borrowed) commands.disconnect();
    },
  };
}

// How long a connection that ends is given to end by itself. ioredis waits as long for one that is down already, and the process with it.
const GOODBYE_MS = 100;

function own(redis: Redis, onError: (error: Error) => void): void {
  redis.on('error', onError);
  redis.on('close', () => {
    // ioredis 5 lets this timer outlive its stream: it would cut the next connection, and keep the process from ending.
    const held = redis as unknown as { socketTimeoutTimer?: NodeJS.Timeout | undefined };
    clearTimeout(held.socketTimeoutTimer);
    held.socketTimeoutTimer = undefined;
  });
}

// Resubscribing is the broker's own (in batches, each followed by its re-reads); ioredis must not do it beforehand.
const LISTENING: Partial<RedisOptions> = {
  autoResubscribe: false,
  autoResendUnfulfilledCommands: true,
  maxRetriesPerRequest: null,
  retryStrategy: () => RETRY_MS * (0.5 + Math.random()),
  socketTimeout: SILENCE_MS,
  enableAutoPipelining: false,
  enableOfflineQueue: true,
  enableReadyCheck: true,
  lazyConnect: false,
  disconnectTimeout: GOODBYE_MS,
  connectionName: 'flowbroker',
};

const COMMANDING = {
  maxRetriesPerRequest: null,
  retryStrategy: (times: number) => Math.min(times * 50, 1_000) * (0.5 + Math.random()),
  socketTimeout: SILENCE_MS,
  disconnectTimeout: GOODBYE_MS,
} satisfies RedisOptions;

function open(target: unknown): Redis {
  if (typeof target === 'string') {
    if (!/^(rediss?|unix):\/\/./.test(target)) {
      throw new FlowInvalidArgumentError(
        'redis must be a URL that starts with redis:// or rediss://, ioredis options, or an ioredis Redis',
      );
    }
    return new Redis(target, COMMANDING);
  }
  if (typeof target === 'object' && target !== null && !Array.isArray(target))
    return new Redis({ ...COMMANDING, ...target });
  throw new FlowInvalidArgumentError('redis must be a URL, ioredis options, or an ioredis Redis');
}

function isInstance(target: unknown): target is Redis {
  if (typeof target !== 'object' || target === null) return false;
  const { duplicate, status, isCluster } = target as {
    duplicate?: unknown;
    status?: unknown;
    isCluster?: unknown;
  };
  if (isCluster === true)
    throw new FlowInvalidArgumentError(
      'redis must be a single Redis: Cluster is not supported by this version',
    );
  return typeof duplicate === 'function' && typeof status === 'string';
}
