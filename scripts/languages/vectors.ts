import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { acquireRedis } from '../redis/index';
import { RUNNERS, type Runner } from './runners';
import { ROOT, type Language } from './toolchains';

const VECTORS = join(ROOT, 'test', 'contract', 'vectors');
const LINE = /^(\S+) (EVALSHA|FCALL) (\d+) passed (\d+) failed$/gm;

/** Runs the vectors in each of these languages and prints a table. Whether all hold, and all ran as many as there are. */
export async function runVectors(languages: readonly Language[]): Promise<boolean> {
  const server = await acquireRedis();
  const rows: Row[] = [];
  try {
    for (const runner of RUNNERS.filter(({ language }) => languages.includes(language)))
      rows.push(...(await rowsOf(runner, server.url)));
  } finally {
    await server.stop();
  }
  console.log(
    `\n${'library'.padEnd(12)}${'by'.padEnd(10)}${'passed'.padStart(8)}${'failed'.padStart(8)}${'of'.padStart(8)}`,
  );
  for (const { library, how, passed, failed, of } of rows)
    console.log(
      `${library.padEnd(12)}${how.padEnd(10)}${[passed, failed, of].map((n) => String(n).padStart(8)).join('')}`,
    );
  return rows.every(({ passed, failed, of }) => failed === 0 && passed === of);
}

interface Row {
  readonly library: string;
  readonly how: string;
  readonly passed: number;
  readonly failed: number;
  readonly of: number;
}

async function rowsOf({ language, command, only }: Runner, url: string): Promise<Row[]> {
  const [file = '', ...args] = command;
  // Not spawnSync: the server must be watched meanwhile.
  const child = spawn(file, [...args, VECTORS, join(ROOT, 'lua'), url], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [output] = await Promise.all([text(child.stdout), once(child, 'close')]);
  const of = countOf(only);
  const rows = [...output.matchAll(LINE)].map(([, library = '', how = '', passed, failed]) => {
    return { library, how, passed: Number(passed), failed: Number(failed), of };
  });
  // A runner that died, or left one way out, is as bad as one that failed.
  const missing = ['EVALSHA', 'FCALL'].filter((how) => !rows.some((row) => row.how === how));
  return [...rows, ...missing.map((how) => ({ library: language, how, passed: 0, failed: 0, of }))];
}

function countOf(only: string | undefined): number {
  const files = only ? [only] : readdirSync(VECTORS).filter((name) => name.endsWith('.json'));
  return files.reduce((count, name) => {
    const { vectors } = JSON.parse(readFileSync(join(VECTORS, name), 'utf8')) as { vectors: unknown[] };
    return count + vectors.length;
  }, 0);
}
