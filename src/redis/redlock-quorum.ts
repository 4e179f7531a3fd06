import { Redis, type RedisOptions } from 'ioredis';
import { FlowInvalidArgumentError } from '../errors.js';
import type { Quorum, QuorumLock } from '../options.js';
import { own } from './connections.js';

// What is used of redlock 5; its own types do not resolve under every module setting.
interface RedlockLock {
  readonly expiration: number;
  extend(ms: number): Promise<RedlockLock>;
  release(): Promise<unknown>;
}
interface RedlockClient {
  acquire(resources: string[], ms: number): Promise<RedlockLock>;
}
type RedlockClass = new (clients: Iterable<Redis>, settings: object) => RedlockClient;

const PACKAGE = 'redlock';
const LEAST = 3;
const ANSWER_MS = 1_000;

/**
 * A lock held by most of at least three independent Redis servers (an odd number; not nodes of one Cluster, not replicas of one
 * another), for the option `quorum` of `define`. Needs the package redlock 5. The broker's own Redis may be one of them. Opens a
 * connection to each server with its first use; `close` ends them. Servers that are not independent are refused with
 * `ERR_FLOW_INVALID_ARGUMENT`: when `run` first locks, since only they can tell.
 *
 * @example
 * const quorum = redlockQuorum(['redis://a', 'redis://b', 'redis://c']);
 * const refreshes = broker.define<Tokens>('refresh', { maxAttempts: 1, quorum });
 */
export function redlockQuorum(servers: readonly (string | RedisOptions)[]): Quorum {
  if (!Array.isArray(servers) || servers.length < LEAST || servers.length % 2 === 0) {
    throw new FlowInvalidArgumentError(
      `redlockQuorum needs an odd number of independent Redis servers, at least ${String(LEAST)}`,
    );
  }
  for (const server of servers as readonly unknown[]) {
    const instance = typeof (server as { duplicate?: unknown } | null)?.duplicate === 'function';
    if (instance || (typeof server !== 'string' && (typeof server !== 'object' || server === null)))
      throw new FlowInvalidArgumentError(
        'redlockQuorum takes URLs or ioredis options: its connections are its own',
      );
  }
  return new RedlockQuorum(servers as readonly (string | RedisOptions)[]);
}

class RedlockQuorum implements Quorum {
  readonly #servers: readonly (string | RedisOptions)[];
  readonly #runIds = new Map<Redis, string>();
  #clients: readonly Redis[] = [];
  #redlock: Promise<RedlockClient> | undefined;

  constructor(servers: readonly (string | RedisOptions)[]) {
    this.#servers = servers;
  }

  async lock(name: string, ttlMs: number): Promise<QuorumLock | undefined> {
    this.#redlock ??= this.#open();
    const redlock = await this.#redlock;
    await this.#checkIndependence();
    try {
      return new HeldLock(await redlock.acquire([name], ttlMs));
    } catch (error) {
      if ((error as Error).name === 'ExecutionError') return undefined;
      throw error;
    }
  }

  close(): void {
    for (const client of this.#clients) client.disconnect();
    this.#clients = [];
    this.#runIds.clear();
    this.#redlock = undefined;
  }

  async #open(): Promise<RedlockClient> {
    const Redlock = await loadRedlock();
    this.#clients = this.#servers.map((server) => {
      const settings = {
        // A vote that comes late is none; what waits for a server that is down would run at the wrong time.
        commandTimeout: ANSWER_MS,
        connectTimeout: ANSWER_MS,
        enableOfflineQueue: false,
        autoResendUnfulfilledCommands: false,
        maxRetriesPerRequest: 0,
        retryStrategy: (times: number) => Math.min(times * 100, 1_000),
        disconnectTimeout: 100,
      } satisfies RedisOptions;
      const client =
        typeof server === 'string'
          ? new Redis(server, settings)
          : new Redis({ ...server, ...settings } as object);
      own(client, () => undefined); // its votes are missing, which is all that matters
      return client;
    });
    await Promise.all(this.#clients.map(settled));
    // Its own retries use the same value again and livelock when a server is down: each try here is a fresh one.
    return new Redlock(this.#clients, { retryCount: 0 });
  }

  /** Looks at each server once, as soon as it answers. */
  async #checkIndependence(): Promise<void> {
    const unknown = this.#clients.filter((client) => !this.#runIds.has(client) && client.status === 'ready');
    await Promise.all(
      unknown.map(async (client) => {
        const text = await client.info().catch(() => undefined);
        if (text === undefined) return;
        const field = (name: string): string => new RegExp(`^${name}:(\\S+)`, 'm').exec(text)?.[1] ?? '';
        const runId = field('run_id');
        if (field('cluster_enabled') === '1')
          throw notIndependent('a node of a Redis Cluster: its servers fail over for one another');
        if (field('role') === 'slave') throw notIndependent('a replica');
        for (const [other, id] of this.#runIds)
          if (other !== client && id === runId) throw notIndependent('one that is there already');
        this.#runIds.set(client, runId);
      }),
    );
  }
}

class HeldLock implements QuorumLock {
  #lock: RedlockLock;

  constructor(lock: RedlockLock) {
    this.#lock = lock;
  }

  get remainingMs(): number {
    return this.#lock.expiration - Date.now();
  }

  async extend(ttlMs: number): Promise<boolean> {
    try {
      this.#lock = await this.#lock.extend(ttlMs);
      return true;
    } catch {
      return false;
    }
  }

  async release(): Promise<void> {
    await this.#lock.release().catch(() => undefined); // it ends by itself
  }
}

function notIndependent(what: string): Error {
  return new FlowInvalidArgumentError(`the servers of redlockQuorum must be independent, but one is ${what}`);
}

/** Resolves when it is known whether the server can be reached. */
function settled(client: Redis): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      client.off('ready', done);
      client.off('close', done);
      resolve();
    };
    client.on('ready', done);
    client.on('close', done);
  });
}

async function loadRedlock(): Promise<RedlockClass> {
  try {
    const name: string = PACKAGE; // a literal would want its types
    const loaded = (await import(name)) as { default: RedlockClass | { default: RedlockClass } };
    return 'default' in loaded.default ? loaded.default.default : loaded.default;
  } catch (error) {
    throw new FlowInvalidArgumentError('redlockQuorum needs the package redlock (5.0.0-beta.2)', {
      cause: error,
    });
  }
}
