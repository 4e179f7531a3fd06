import { Redis, type RedisOptions } from 'ioredis';
import { own } from './connections.js';

/** Where the servers of a group are, the master first. */
export type Members = readonly string[];

const PATIENCE_MS = 1_000;

/** Asks the Sentinels of a group who its master and its replicas are: one of them, and the next when that does not answer. */
export class SentinelGroup {
  readonly #options: RedisOptions;
  readonly #onError: (error: Error) => void;
  #at = 0;
  #sentinel: Redis | undefined;

  constructor(options: RedisOptions, onError: (error: Error) => void) {
    this.#options = options;
    this.#onError = onError;
  }

  /** Undefined when none of them answers. */
  async members(): Promise<Members | undefined> {
    const count = this.#options.sentinels?.length ?? 0;
    for (let tries = 0; tries < count; tries++) {
      try {
        return await this.#ask();
      } catch {
        this.close();
        this.#at = (this.#at + 1) % count;
      }
    }
    return undefined;
  }

  close(): void {
    this.#sentinel?.disconnect();
    this.#sentinel = undefined;
  }

  async #ask(): Promise<Members> {
    const sentinel = (this.#sentinel ??= this.#connect());
    const name = this.#options.name ?? '';
    const [address, replicas] = (await Promise.all([
      sentinel.call('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', name),
      sentinel.call('SENTINEL', 'REPLICAS', name),
    ])) as [string[] | null, string[][]];
    if (!address) throw new Error(`Sentinel knows no group ${JSON.stringify(name)}`);
    const living = replicas.flatMap((words) => {
      const field = (key: string): string => words[words.indexOf(key) + 1] ?? '';
      return /down|disconnected/.test(field('flags')) ? [] : `${field('ip')}:${field('port')}`;
    });
    const all = [`${address[0] ?? ''}:${address[1] ?? ''}`, ...living.sort()];
    return [...new Set(all)].map((member) => this.#mapped(member));
  }

  #mapped(member: string): string {
    const { natMap } = this.#options;
    const mapped = typeof natMap === 'function' ? natMap(member) : natMap?.[member];
    return mapped ? `${mapped.host}:${String(mapped.port)}` : member;
  }

  #connect(): Redis {
    const { sentinels = [], sentinelUsername, sentinelPassword, sentinelTLS, family } = this.#options;
    const sentinel = new Redis({
      ...(family === undefined ? {} : { family }),
      ...(sentinelUsername == null ? {} : { username: sentinelUsername }),
      ...(sentinelPassword == null ? {} : { password: sentinelPassword }),
      ...(sentinelTLS === undefined ? {} : { tls: sentinelTLS }),
      port: sentinels[this.#at]?.port ?? 26_379,
      host: sentinels[this.#at]?.host ?? '127.0.0.1',
      connectTimeout: PATIENCE_MS,
      commandTimeout: PATIENCE_MS,
      disconnectTimeout: 100,
      maxRetriesPerRequest: 0,
      enableReadyCheck: false,
      retryStrategy: () => null,
      connectionName: 'flowbroker',
    });
    own(sentinel, this.#onError);
    return sentinel;
  }
}
