import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Redis } from 'ioredis';
import type { Seen } from '../../../examples/demo/authorization-server.js';
import { UserAgent } from '../../../examples/demo/user-agent.js';
import { startRedis, type RedisServer } from '../../../scripts/redis/index.js';
import { spawnTs } from '../../../scripts/spawn-ts.js';
import type { FlowManagerOptions } from '../../../src/adapters/librechat.js';
import { message } from '../../helpers/program.js';
import { until } from '../../helpers/until.js';
import { Replica } from './replica.js';

const programs = join(__dirname, '..', 'programs');
const REDIRECT = 'http://127.0.0.1/callback';

export interface LibreChatConfig {
  readonly url: string;
  readonly issuer?: string | undefined;
  readonly manager?: Omit<FlowManagerOptions, 'codec' | 'logger'> | undefined;
}

/** How a call of the manager ended. */
export interface Called {
  readonly value?: unknown;
  readonly name?: string;
  readonly message?: string;
}

export interface Refresh {
  /** Waits there until it is told to finish. */
  readonly hold?: 'before the POST' | 'after the POST';
  /** Names a signal, which `abort` aborts. */
  readonly token?: string;
}

/** Redis, an authorization server where it is wanted, and the replicas of a test. */
export class LibreChat {
  readonly server: RedisServer;
  readonly redis: Redis;
  readonly #issuer: string | undefined;
  readonly #authorization: ChildProcess | undefined;
  readonly #replicas: Replica[] = [];
  #before = { posts: 0, revocations: 0 };

  private constructor(server: RedisServer, issuer?: string, authorization?: ChildProcess) {
    this.server = server;
    this.#issuer = issuer;
    this.#authorization = authorization;
    this.redis = new Redis(server.url);
  }

  static async start({ oauth = true } = {}): Promise<LibreChat> {
    const server = await startRedis();
    if (!oauth) return new LibreChat(server);
    const authorization = spawnTs(join(programs, 'authorization-server.ts'), {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(createInterface(authorization.stdout!), 'line')) as [string];
    return new LibreChat(server, line.replace('listening on ', ''), authorization);
  }

  async replicas(count: number, manager?: LibreChatConfig['manager']): Promise<Replica[]> {
    const config: LibreChatConfig = { url: this.server.url, issuer: this.#issuer, manager };
    const program = join(programs, 'librechat.ts');
    const started = await Promise.all(Array.from({ length: count }, () => Replica.start(config, program)));
    this.#replicas.push(...started);
    return started;
  }

  /** What the authorization server saw since it was asked last. */
  async seen(): Promise<{ readonly posts: number; readonly revocations: number }> {
    this.#authorization!.send('seen');
    const { posts, revocations } = await message<Seen>(this.#authorization!);
    const before = this.#before;
    this.#before = { posts: posts.length, revocations };
    return { posts: posts.length - before.posts, revocations: revocations - before.revocations };
  }

  /** A user's browser goes where it is sent, logs in and agrees; the URL that it comes back with. */
  async browse(url: string, user: string): Promise<string> {
    return (await new UserAgent().logIn(url, user, REDIRECT)).href;
  }

  /** How often handlers began. */
  async runs(id: string): Promise<number> {
    return Number(await this.redis.get(`runs:${id}`));
  }

  /** Resolves when so many processes listen to this flow. */
  async heard(type: string, id: string, processes: number): Promise<void> {
    await until(`${String(processes)} processes wait for ${type} ${id}`, async () => {
      const [, count] = (await this.redis.pubsub('NUMSUB', `flow:{${type}:${id}}`)) as [string, number];
      return count === processes;
    });
  }

  async stop(): Promise<void> {
    await Promise.all(this.#replicas.map((replica) => replica.kill()));
    if (this.#authorization) {
      this.#authorization.kill('SIGKILL');
      await once(this.#authorization, 'exit');
    }
    this.redis.disconnect();
    await this.server.stop();
  }
}
