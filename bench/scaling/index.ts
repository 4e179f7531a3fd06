import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { between } from '../peers/page.js';
import { predict, type Fleet } from './model.js';
import { loadOf, observe, type Windows } from './observe.js';
import { comparison, pageOf, type ScalingResults } from './page.js';
import { partsOf } from './parts.js';

const ROOT = join(__dirname, '..', '..');
const REREAD_MS = 20_000; // a third of the default, so that a window of seconds has its share of them
const RATE = 50; // flows a second of each process

// As much for each process as in the large one, and about as much for the master: a server that is woken for each command by itself takes twice as long for it.
const SMALL: Fleet = { processes: 4, waiters: 25_000, flows: 4 * RATE, masters: 1, rereadMs: REREAD_MS };
const LARGE: Fleet = { processes: 16, waiters: 100_000, flows: 16 * RATE, masters: 3, rereadMs: REREAD_MS };

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      save: { type: 'boolean', default: false },
      page: { type: 'boolean', default: false },
    },
  });
  if (values.page) {
    write(JSON.parse(readFileSync(join(ROOT, 'docs/scaling.json'), 'utf8')) as ScalingResults);
    return;
  }
  const { quick } = values;
  const windows: Windows = quick
    ? { warmMs: 1_000, idleMs: 3_000, rereadMs: 5_000, flowMs: 4_000, rate: RATE }
    : { warmMs: 3_000, idleMs: 15_000, rereadMs: 20_000, flowMs: 30_000, rate: RATE };
  const large = quick ? { ...LARGE, processes: 8, waiters: 50_000, flows: 8 * RATE } : LARGE;
  const tell = (of: string) => (what: string) => console.log(`${of}: ${what}`);

  const small = await observe(SMALL, windows, tell(`${String(SMALL.processes)} processes`));
  const parts = partsOf(small);
  const seen = await observe(large, windows, tell(`${String(large.processes)} processes`));
  const results: ScalingResults = {
    date: new Date().toISOString(),
    machine: { cpu: cpus()[0]?.model ?? 'unknown', cores: cpus().length, node: process.version.slice(1) },
    small: SMALL,
    large,
    parts,
    predicted: predict(parts, large),
    measured: loadOf(seen),
    flows: {
      expected: Math.floor((RATE * windows.flowMs) / 1_000) * large.processes,
      heard: seen.working.heard,
    },
    cut: { resubscribedMs: seen.cut.resubscribedMs, rereadMs: seen.cut.rereadMs },
  };
  for (const cells of comparison(results))
    console.log(cells.map((cell, at) => (at === 0 ? cell.padEnd(52) : cell.padStart(14))).join(''));
  console.log(JSON.stringify(parts, null, 1));
  const folder = join(ROOT, 'bench', 'results');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'scaling.json'), `${JSON.stringify(results, null, 2)}\n`);
  if (values.save) {
    writeFileSync(join(ROOT, 'docs/scaling.json'), `${JSON.stringify(results, null, 2)}\n`);
    write(results);
  }
}

function write(results: ScalingResults): void {
  const file = join(ROOT, 'docs/scaling.md');
  writeFileSync(file, between(readFileSync(file, 'utf8'), pageOf(results)));
  console.log('written: docs/scaling.md');
}

void main();
