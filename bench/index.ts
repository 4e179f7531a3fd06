import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { acquireRedis } from '../scripts/redis/index.js';
import { contrast } from './contrast.js';
import { cost } from './cost.js';
import { header, holds, row, type Figure } from './figures.js';
import { latency } from './latency.js';
import { librechat } from './librechat.js';
import { throughput } from './throughput.js';
import { wake } from './wake.js';

const RESULTS = join(__dirname, 'results');

const PARTS: Record<string, (url: string) => Promise<Figure[]>> = {
  contrast,
  wake,
  throughput,
  latency,
  cost,
  librechat,
};

async function main(): Promise<void> {
  const wanted = process.argv.slice(2);
  const unknown = wanted.find((name) => !(name in PARTS));
  if (unknown !== undefined)
    throw new Error(`no such part: ${unknown}; there are ${Object.keys(PARTS).join(', ')}`);
  const server = await acquireRedis();
  const figures: Figure[] = [];
  try {
    const redis = new Redis(server.url);
    const version = /redis_version:(\S+)/.exec(await redis.info('server'))?.[1] ?? 'unknown';
    redis.disconnect();
    const machine = {
      redis: version,
      node: process.version,
      cpu: cpus()[0]?.model ?? 'unknown',
      cores: cpus().length,
    };
    console.log(
      `Redis ${machine.redis}, Node ${machine.node}, ${String(machine.cores)} cores, ${machine.cpu}\n`,
    );
    console.log(header());
    for (const [name, part] of Object.entries(PARTS)) {
      if (wanted.length > 0 && !wanted.includes(name)) continue;
      for (const figure of await part(server.url)) {
        figures.push(figure);
        console.log(row(figure));
      }
    }
    mkdirSync(RESULTS, { recursive: true });
    const file = join(RESULTS, 'latest.json');
    writeFileSync(file, `${JSON.stringify({ date: new Date().toISOString(), machine, figures }, null, 2)}\n`);
    console.log(`\nwritten to ${file}`);
  } finally {
    await server.stop();
  }
  const missed = figures.filter((figure) => !holds(figure));
  if (missed.length > 0) {
    console.log(`${String(missed.length)} of ${String(figures.length)} figures miss their bound`);
    process.exitCode = 1;
  }
}

void main();
