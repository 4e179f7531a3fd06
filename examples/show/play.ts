// How the recipes are shown: a main.ts starts the service's replicas as processes, plays their users, and prints what came of it.
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { extname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { Replica } from './replica.js';

const LIMIT_MS = 60_000;
const GRACE_MS = 5_000;

/** What a recipe is played on. */
export class Show {
  readonly redisUrl = process.env['REDIS_URL'] ?? 'redis://localhost:6379';
  /** First part of all keys, which are removed at the end: the Redis may be yours. */
  readonly prefix = `recipe-${randomUUID()}`;
  readonly #replicas: Replica[] = [];
  readonly #ends: (() => unknown)[] = [];
  #ending: Promise<void> | undefined;

  /** Starts a process of the recipe: `program` is its file, without the extension. */
  start(program: string, env: NodeJS.ProcessEnv = {}): Replica {
    // .ts where ts-node runs it, .js where it was compiled.
    const extension = extname(__filename);
    const preload = ['-r', join(__dirname, `tied${extension}`)];
    const child = spawn(process.execPath, [...process.execArgv, ...preload, program + extension], {
      env: { ...process.env, REDIS_URL: this.redisUrl, FLOW_PREFIX: this.prefix, PORT: '0', ...env },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const replica = new Replica(child);
    this.#replicas.push(replica);
    return replica;
  }

  /** Something else to end when the show ends. */
  atEnd(end: () => unknown): void {
    this.#ends.push(end);
  }

  say(line: string): void {
    if (!this.#ending) console.log(line);
  }

  end(): Promise<void> {
    this.#ending ??= this.#end();
    return this.#ending;
  }

  get ended(): boolean {
    return this.#ending !== undefined;
  }

  async #end(): Promise<void> {
    await Promise.all(
      this.#replicas.map(async (replica) => {
        const patience = setTimeout(() => void replica.kill(), GRACE_MS);
        await replica.stop();
        clearTimeout(patience);
      }),
    );
    for (const end of this.#ends) await end();
    const redis = new Redis(this.redisUrl, { maxRetriesPerRequest: 1 }).on('error', () => undefined);
    for await (const keys of redis.scanStream({ match: `${this.prefix}:*`, count: 1_000 })) {
      if ((keys as string[]).length > 0) await redis.del(...(keys as string[]));
    }
    await redis.quit();
  }
}

/** Plays the scenes and ends what they started: when they are over, when they fail (exit code 1), and on Ctrl-C (130). */
export function play(scenes: (show: Show) => Promise<void>): void {
  const show = new Show();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => void show.end().finally(() => process.exit(130)));
  }
  const overdue = delay(LIMIT_MS, undefined, { ref: false }).then(() => {
    throw new Error(`it did not end within ${String(LIMIT_MS)} ms`);
  });
  Promise.race([scenes(show), overdue])
    .catch((error: unknown) => {
      if (show.ended) return; // interrupted: what it was doing fails because of that
      console.error(error);
      process.exitCode = 1;
    })
    .finally(() => show.end())
    .catch((error: unknown) => {
      console.error(error);
      process.exitCode = 1;
    });
}
