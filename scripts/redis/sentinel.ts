import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ask, eventually } from './admin.js';
import { findEngine, type Engine } from './engine.js';
import { PortTaken, startInstance, type Instance } from './instance.js';
import { freePort } from './port.js';
import { startRedis, type RedisServer } from './server.js';

const NAME = 'flows';
const QUORUM = 2;
const DOWN_AFTER_MS = 1_000;
const READY_MS = 30_000;
const ATTEMPTS = 5;

export interface SentinelOptions {
  /** Default 3. */
  readonly sentinels?: number;
  /** Default 2. */
  readonly replicas?: number;
  /** More arguments for every data server. */
  readonly args?: readonly string[];
}

/**
 * Starts a master, its replicas and the Sentinels that watch them, all on 127.0.0.1, and resolves when they know one another. All
 * are gone when `stop()` resolves, and when this process ends in any other way.
 */
export async function startSentinel(options: SentinelOptions = {}): Promise<RedisSentinel> {
  const { sentinels = 3, replicas = 2, args = [] } = options;
  const engine = await findEngine();
  if (engine.kind !== 'binary')
    throw new Error(
      'Sentinel needs redis-server on PATH: containers cannot reach each other’s loopback ports',
    );
  const group = new RedisSentinel();
  try {
    const common = ['--repl-diskless-sync', 'yes', '--repl-diskless-sync-delay', '0', ...args];
    const master = await startRedis({ args: common });
    group.servers.push(master);
    for (let at = 0; at < replicas; at++) {
      const replica = [...common, '--replicaof', `127.0.0.1 ${String(master.port)}`];
      group.servers.push(await startRedis({ args: replica }));
    }
    for (let at = 0; at < sentinels; at++) group.watchers.push(await Watcher.start(engine, master.port));
    // They look at servers every 10 s, and ask them every second whether they are there, which is too seldom for their patience: a master
    // just promoted was given up as silent. Since Redis 7 both can be told otherwise.
    for (const { port } of group.watchers)
      await ask(port, 'SENTINEL', 'DEBUG', 'INFO-PERIOD', 500, 'PING-PERIOD', 200).catch(() => undefined);
    await group.healthy();
    return group;
  } catch (error) {
    await group.stop();
    throw error;
  }
}

/** One Sentinel process. */
class Watcher {
  readonly port: number;
  readonly dir: string;
  readonly #instance: Instance;

  private constructor(port: number, instance: Instance, dir: string) {
    this.port = port;
    this.#instance = instance;
    this.dir = dir;
  }

  static async start(engine: Engine, master: number): Promise<Watcher> {
    for (let attempt = 1; ; attempt++) {
      const [port, dir] = [await freePort(), await mkdtemp(join(tmpdir(), 'flowbroker-sentinel-'))];
      const config = join(dir, 'sentinel.conf');
      await writeFile(
        config,
        [
          `sentinel monitor ${NAME} 127.0.0.1 ${String(master)} ${String(QUORUM)}`,
          `sentinel down-after-milliseconds ${NAME} ${String(DOWN_AFTER_MS)}`,
          `sentinel failover-timeout ${NAME} 4000`,
          `sentinel parallel-syncs ${NAME} 2`,
          '',
        ].join('\n'),
      );
      try {
        const settings = { port, args: ['--sentinel'], config, dir, ownsDir: true };
        return new Watcher(port, await startInstance(engine, settings), dir);
      } catch (error) {
        await rm(dir, { recursive: true, force: true });
        if (!(error instanceof PortTaken) || attempt === ATTEMPTS) throw error;
      }
    }
  }

  get pid(): number {
    return this.#instance.pid;
  }

  async stop(): Promise<void> {
    await this.#instance.signal('SIGKILL');
    await this.#instance.end();
    await rm(this.dir, { recursive: true, force: true });
  }
}

/** A group of servers under Sentinel that tests may fail over and hurt. */
export class RedisSentinel {
  readonly name = NAME;
  readonly servers: RedisServer[] = [];
  readonly watchers: Watcher[] = [];

  /** Where a client may ask. */
  get sentinels(): { host: string; port: number }[] {
    return this.watchers.map(({ port }) => ({ host: '127.0.0.1', port }));
  }

  /** The master, as most of the Sentinels see it. */
  async master(): Promise<RedisServer> {
    const ports = await Promise.all(
      this.watchers.map(async ({ port }) => {
        const address = (await ask(port, 'SENTINEL', 'GET-MASTER-ADDR-BY-NAME', NAME)) as string[];
        return Number(address[1]);
      }),
    );
    const agreed = ports.find((port) => ports.filter((other) => other === port).length >= QUORUM);
    const master = this.servers.find(({ port }) => port === agreed);
    if (!master) throw new Error('the Sentinels do not agree on a master');
    return master;
  }

  /** Has Sentinel put a replica in the master's place; resolves with it when all Sentinels know. */
  async failover(): Promise<RedisServer> {
    const before = await this.master();
    await eventually('SENTINEL FAILOVER accepted', READY_MS, async () => {
      await ask(this.watchers[0]?.port ?? 0, 'SENTINEL', 'FAILOVER', NAME);
      return true;
    });
    return this.replaced(before);
  }

  /** Resolves with the new master when another than this one is it, and says so itself. */
  async replaced(before: RedisServer): Promise<RedisServer> {
    let master = before;
    await eventually('another master', READY_MS, async () => {
      master = await this.master();
      if (master === before) return false;
      return String(await ask(master.port, 'INFO', 'replication')).includes('role:master');
    });
    return master;
  }

  /** Resolves when every Sentinel knows the others and all servers, and every replica is in sync. */
  async healthy(): Promise<void> {
    await eventually('a healthy Sentinel group', READY_MS, async () => {
      const master = await this.master();
      const info = String(await ask(master.port, 'INFO', 'replication'));
      const inSync = (info.match(/state=online/g) ?? []).length === this.servers.length - 1;
      const known = await Promise.all(
        this.watchers.map(async ({ port }) => {
          const [others, replicas] = await Promise.all([
            ask(port, 'SENTINEL', 'SENTINELS', NAME) as Promise<unknown[][]>,
            ask(port, 'SENTINEL', 'REPLICAS', NAME) as Promise<unknown[][]>,
          ]);
          const up = replicas.filter((replica) => !/down|disconnected/.test(flagsOf(replica)));
          return others.length === this.watchers.length - 1 && up.length === this.servers.length - 1;
        }),
      );
      return inSync && known.every(Boolean);
    });
  }

  /** Ends what is left. May be called twice. */
  async stop(): Promise<void> {
    await Promise.all(this.watchers.map((watcher) => watcher.stop()));
    await Promise.all(this.servers.map((server) => server.stop()));
  }
}

function flagsOf(description: unknown[]): string {
  return String(description[description.indexOf('flags') + 1]);
}
