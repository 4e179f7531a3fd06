// npm run recipe <name>: plays a recipe of examples/ on a Redis of its own, or the one in REDIS_URL.
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ensureBuilt } from './built';
import { acquireRedis } from './redis/index.js';
import { spawnTs } from './spawn-ts';

const examples = join(__dirname, '..', 'examples');
const programOf = (name: string): string => join(examples, name, 'main.ts');

async function main(): Promise<void> {
  const [name = ''] = process.argv.slice(2);
  const names = readdirSync(examples).filter((known) => existsSync(programOf(known)));
  if (!names.includes(name)) {
    console.error(`usage: npm run recipe <name>, where <name> is one of\n  ${names.join('\n  ')}`);
    process.exitCode = 2;
    return;
  }
  ensureBuilt();
  const redis = await acquireRedis();
  try {
    const child = spawnTs(programOf(name), { env: { REDIS_URL: redis.url } });
    // Ctrl-C reaches the whole process group: the recipe ends what it started, and this program ends after it.
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal));
    const [code] = (await once(child, 'exit')) as [number | null];
    process.exitCode = code ?? 1;
  } finally {
    await redis.stop();
  }
}

void main();
