import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Engine, findEngine } from './engine.js';
import { type Instance, type InstanceOptions, PortTaken, startInstance } from './instance.js';
import { freePort } from './port.js';

const PORT_RETRIES = 10;

export interface ServerOptions {
  /** More arguments for redis-server, e.g. `['--cluster-enabled', 'yes']`. Later ones win over the defaults. */
  readonly args?: readonly string[];
  /** Loopback port; a free one by default. */
  readonly port?: number;
  /** Working directory of the server; a temporary one, removed at `stop()`, by default. */
  readonly dir?: string;
}

/**
 * Starts a Redis server of its own on 127.0.0.1, in memory only, and resolves when it answers. It is gone when `stop()`
 * resolves, and also when this process ends in any other way: by a throw, Ctrl-C or SIGKILL.
 */
export async function startRedis(options: ServerOptions = {}): Promise<RedisServer> {
  const engine = await findEngine();
  const dir = options.dir ?? (await mkdtemp(join(tmpdir(), 'flowbroker-redis-')));
  const ownsDir = options.dir === undefined;
  const args = ['--save', '', '--appendonly', 'no', ...(options.args ?? [])];
  for (let attempt = 1; ; attempt++) {
    const port = options.port ?? (await freePort());
    try {
      const instance = await startInstance(engine, { port, args, dir, ownsDir });
      return new RedisServer(engine, instance, { port, args, dir, ownsDir });
    } catch (error) {
      if (error instanceof PortTaken && options.port === undefined && attempt < PORT_RETRIES) continue;
      if (ownsDir) await rm(dir, { recursive: true, force: true });
      throw error;
    }
  }
}

/** A server that tests may kill, freeze and restart. */
export class RedisServer {
  readonly port: number;
  readonly url: string;
  readonly dir: string;
  readonly #engine: Engine;
  readonly #settings: InstanceOptions;
  #instance: Instance;
  #frozen = false;

  constructor(engine: Engine, instance: Instance, settings: InstanceOptions) {
    this.#engine = engine;
    this.#instance = instance;
    this.#settings = settings;
    this.port = settings.port;
    this.url = `redis://127.0.0.1:${settings.port}`;
    this.dir = settings.dir;
  }

  /** The server's own process id; a new one after `restart()`. */
  get pid(): number {
    return this.#instance.pid;
  }

  get running(): boolean {
    return this.#instance.running;
  }

  /** Whether it was paused. */
  get frozen(): boolean {
    return this.#frozen;
  }

  /** Sends `signal` (SIGKILL by default) and resolves when the server has ended. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    await this.#instance.signal(signal);
    await this.#instance.end();
  }

  /** Kills the server, if it still runs, and starts it again on the same port. Its data is gone. */
  async restart(): Promise<void> {
    await this.kill();
    this.#frozen = false;
    this.#instance = await startInstance(this.#engine, this.#settings);
  }

  /** Freezes the server: its connections stay open, and nothing answers. */
  async pause(): Promise<void> {
    this.#frozen = true;
    await this.#instance.signal('SIGSTOP');
  }

  /** Ends a `pause()`. */
  async resume(): Promise<void> {
    await this.#instance.signal('SIGCONT');
    this.#frozen = false;
  }

  /** Ends the server and removes its temporary directory. May be called twice. */
  async stop(): Promise<void> {
    await this.kill();
    if (this.#settings.ownsDir) await rm(this.dir, { recursive: true, force: true });
  }
}
