import { Redis } from 'ioredis';
import { startRedis, type RedisServer } from '../../scripts/redis/index.js';

/** What the server counted and holds. */
export interface Snapshot {
  readonly bytes: number;
  readonly cpuUs: number;
  readonly memory: number;
  readonly clients: number;
  readonly channels: number;
}

/** A Redis server of the bench's own, and a connection that asks it what it did. */
export class WatchedServer {
  readonly url: string;
  readonly #server: RedisServer;
  readonly #admin: Redis;

  private constructor(server: RedisServer) {
    this.#server = server;
    this.url = server.url;
    this.#admin = new Redis(server.url);
  }

  static async start(): Promise<WatchedServer> {
    // BullMQ asks for it, and nothing here comes near a limit.
    return new WatchedServer(await startRedis({ args: ['--maxmemory-policy', 'noeviction'] }));
  }

  async version(): Promise<string> {
    return /redis_version:(\S+)/.exec(await this.#admin.info('server'))?.[1] ?? 'unknown';
  }

  async snapshot(): Promise<Snapshot> {
    const text = await this.#admin.info();
    const of = (name: string): number => Number(new RegExp(`^${name}:([\\d.]+)`, 'm').exec(text)?.[1]);
    return {
      bytes: of('total_net_input_bytes') + of('total_net_output_bytes'),
      cpuUs: (of('used_cpu_user') + of('used_cpu_sys')) * 1e6,
      memory: of('used_memory'),
      clients: of('connected_clients'),
      channels: of('pubsub_channels'),
    };
  }

  /** Counts what clients send meanwhile, by command; what scripts call inside is not sent. */
  async sentDuring(work: () => Promise<unknown>): Promise<Record<string, number>> {
    const watcher = new Redis(this.url);
    const monitor = await watcher.monitor();
    const sent: Record<string, number> = {};
    const own = String(await this.#admin.client('ID'));
    const addresses = String(await this.#admin.client('LIST'))
      .split('\n')
      .filter((line) => line.startsWith(`id=${own} `))
      .map((line) => / addr=(\S+)/.exec(line)?.[1]);
    monitor.on('monitor', (_time: string, words: readonly string[], source: string) => {
      if (source === 'lua' || addresses.includes(source)) return;
      const name = (words[0] ?? '').toLowerCase();
      sent[name] = (sent[name] ?? 0) + 1;
    });
    try {
      await work();
      await this.#admin.echo('over'); // what was sent before it was seen before it
      await new Promise((resolve) => setTimeout(resolve, 50));
    } finally {
      monitor.disconnect();
      watcher.disconnect();
    }
    return sent;
  }

  /** Ends every connection but this one. */
  async cut(): Promise<void> {
    for (const type of ['normal', 'pubsub'])
      await this.#admin.call('CLIENT', 'KILL', 'TYPE', type, 'SKIPME', 'yes');
  }

  async empty(): Promise<void> {
    await this.#admin.flushall();
  }

  async stop(): Promise<void> {
    this.#admin.disconnect();
    await this.#server.stop();
  }
}
