import { join } from 'node:path';
import { Redis } from 'ioredis';
import { Replica } from '../../../examples/show/replica.js';
import { ensureBuilt } from '../../../scripts/built.js';
import { startRedis, type RedisServer } from '../../../scripts/redis/index.js';
import { spawnTs } from '../../../scripts/spawn-ts.js';

/** A server of the test file's own, and the processes of a recipe on it. */
export interface RecipeProcesses {
  readonly url: string;
  /** The test's own connection. */
  readonly redis: Redis;
  /** Starts a program of the recipe, such as `server`; it ends after the tests of the file. */
  start(program: string, env?: NodeJS.ProcessEnv): Replica;
  /** The same, with its URL, once it listens. */
  serve(
    program: string,
    env?: NodeJS.ProcessEnv,
  ): Promise<{ readonly process: Replica; readonly url: string }>;
}

/** Call it at the top of a file: the recipe's programs, which import 'flowbroker' as its readers do. */
export function recipeProcesses(recipe: string): RecipeProcesses {
  const processes: Replica[] = [];
  let server: RedisServer;
  let redis: Redis;

  beforeAll(async () => {
    ensureBuilt();
    server = await startRedis();
    redis = new Redis(server.url);
  }, 120_000);
  afterAll(async () => {
    await Promise.all(processes.map((each) => each.kill()));
    redis.disconnect();
    await server.stop();
  });

  const start: RecipeProcesses['start'] = (program, env = {}) => {
    const file = join(__dirname, '..', '..', '..', 'examples', recipe, `${program}.ts`);
    const child = spawnTs(file, {
      env: { REDIS_URL: server.url, FLOW_PREFIX: undefined, PORT: '0', ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const started = new Replica(child);
    processes.push(started);
    return started;
  };
  return {
    get url() {
      return server.url;
    },
    get redis() {
      return redis;
    },
    start,
    async serve(program, env) {
      const process = start(program, env);
      return { process, url: await process.url() };
    },
  };
}
