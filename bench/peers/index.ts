import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { header, holds, row } from '../figures.js';
import { bounds } from './bounds.js';
import { ENTRIES, WORKS, type Entry, type Work } from './entries.js';
import { prepareNode, prepareOther } from './programs.js';
import type * as Publish from './publish.js';
import type { Results } from './results.js';
import type * as Rounds from './rounds.js';
import { printTables } from './tables.js';

const HELP = `npm run bench:peers -- [options]

  --work a,b       only these works: ${WORKS.join(', ')}
  --only a,b       only these contenders: ${ENTRIES.map(({ name }) => name).join(', ')}
  --rounds n       how often all have their turn (default 3)
  --quick          small numbers, one round: to see that it works
  --save           write docs/performance.json, docs/performance.md and the charts from this run
  --page           write the page and the charts from docs/performance.json as it is, and measure nothing
`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      work: { type: 'string' },
      only: { type: 'string' },
      rounds: { type: 'string' },
      quick: { type: 'boolean', default: false },
      save: { type: 'boolean', default: false },
      page: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(HELP);
    return;
  }
  prepareNode();
  // Only now: these need the packages that were just installed.
  /* eslint-disable @typescript-eslint/no-require-imports */
  const { publish } = require('./publish.js') as typeof Publish;
  const { play } = require('./rounds.js') as typeof Rounds;
  /* eslint-enable */
  if (values.page) {
    publish();
    return;
  }
  const works = chosen<Work>('work', values.work, WORKS);
  const names = chosen(
    'contender',
    values.only,
    ENTRIES.map(({ name }) => name),
  );
  const entries = available(ENTRIES.filter(({ name }) => names.includes(name)));
  const rounds = values.quick ? 1 : Number(values.rounds ?? 3);
  const command = ['npm run bench:peers', ...process.argv.slice(2)].join(' ').replace('peers ', 'peers -- ');
  const results: Results = await play({ entries, works, rounds, quick: values.quick, command });

  printTables(results);
  const must = bounds(results);
  if (must.length > 0) console.log(`\n${header()}\n${must.map(row).join('\n')}`);
  const folder = join(__dirname, '..', 'results');
  mkdirSync(folder, { recursive: true });
  const file = join(folder, 'peers.json');
  writeFileSync(file, `${JSON.stringify(results, null, 2)}\n`);
  console.log(`\nwritten to ${file}`);
  if (values.save) publish(results);
  const missed = must.filter((figure) => !holds(figure));
  if (missed.length > 0) {
    console.log(`${missed.length} of ${must.length} figures miss their bound`);
    process.exitCode = 1;
  }
}

function chosen<Name extends string>(what: string, given: string | undefined, all: readonly Name[]): Name[] {
  const names = given?.split(',') ?? all;
  const unknown = names.find((name) => !(all as readonly string[]).includes(name));
  if (unknown !== undefined) throw new Error(`no such ${what}: ${unknown}; there are ${all.join(', ')}`);
  return all.filter((name) => (names as readonly string[]).includes(name));
}

/** Without those in a language whose toolchain is missing. */
function available(entries: readonly Entry[]): Entry[] {
  const other = (['java', 'go'] as const).filter((runs) => entries.some((entry) => entry.runs === runs));
  const ready = new Set<string>(['node', ...other.filter(prepareOther)]);
  return entries.filter(({ runs }) => ready.has(runs));
}

void main();
