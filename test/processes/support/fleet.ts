import { Redis } from 'ioredis';
import { startRedis, type RedisServer, type ServerOptions } from '../../../scripts/redis/index.js';
import type { ReplicaConfig } from './protocol.js';
import { Replica } from './replica.js';

/** A server, a plain client to look at it, and the processes of a test. */
export class Fleet {
  readonly server: RedisServer;
  readonly redis: Redis;
  readonly #replicas: Replica[] = [];

  private constructor(server: RedisServer) {
    this.server = server;
    this.redis = new Redis(server.url, { connectionName: 'test' });
    this.redis.on('error', () => undefined);
  }

  static async start(options?: ServerOptions): Promise<Fleet> {
    return new Fleet(await startRedis(options));
  }

  /** Starts `count` processes at once. */
  async replicas(count: number, config: Partial<ReplicaConfig> = {}): Promise<Replica[]> {
    const started = await Promise.all(
      Array.from({ length: count }, () =>
        Replica.start({ url: this.server.url, countAt: this.server.url, ...config }),
      ),
    );
    this.#replicas.push(...started);
    return started;
  }

  /** How often handlers of this flow began, as they counted themselves. */
  async runs(id: string): Promise<number> {
    return Number(await this.redis.get(`runs:${id}`));
  }

  /** Connections of brokers that listen. */
  async listeners(): Promise<string[]> {
    const list = (await this.redis.client('LIST')) as string;
    return list.split('\n').filter((line) => line.includes(' name=flowbroker '));
  }

  async stop(): Promise<void> {
    await Promise.all(this.#replicas.map((replica) => replica.kill()));
    this.redis.disconnect();
    await this.server.stop();
  }
}
