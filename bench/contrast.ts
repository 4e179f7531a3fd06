import { once } from 'node:events';
import { Redis } from 'ioredis';
import { spawnTs } from '../scripts/spawn-ts.js';
import { median, type Figure } from './figures.js';

const PROCESSES = 8;
const CALLERS = 25;
const HANDLER_MS = 400;
const ROUNDS = { poll: 3, run: 20 };

interface Told {
  readonly answers: string[];
  readonly slowestMs: number;
}

interface Round {
  readonly runs: number;
  readonly answers: number;
  readonly slowestMs: number;
}

/** Eight processes with 25 callers each want the same expensive thing at the same moment: polled for, and through `run`. */
export async function contrast(url: string): Promise<Figure[]> {
  const polled = await rounds(url, 'poll');
  const ours = await rounds(url, 'run');
  const load = `${String(PROCESSES)} processes x ${String(CALLERS)} callers, ${String(HANDLER_MS)} ms handler`;
  const exactly = { at: 'most', value: 1 } as const;
  const show = (name: string, of: Round[], bound?: Figure['bound']): Figure[] => [
    {
      name: `${name}: handler runs`,
      value: Math.max(...of.map(({ runs }) => runs)),
      unit: '',
      bound,
      detail: load,
    },
    {
      name: `${name}: different answers`,
      value: Math.max(...of.map(({ answers }) => answers)),
      unit: '',
      bound,
      detail: `the most of ${String(of.length)} rounds`,
    },
    {
      name: `${name}: slowest caller`,
      value: median(of.map(({ slowestMs }) => slowestMs)),
      unit: 'ms',
      detail: 'median of the rounds',
    },
  ];
  return [...show('polling, as found in the wild', polled), ...show('run', ours, exactly)];
}

async function rounds(url: string, way: 'poll' | 'run'): Promise<Round[]> {
  const redis = new Redis(url);
  const children = Array.from({ length: PROCESSES }, () =>
    spawnTs(require.resolve('./programs/caller'), { args: [url, way, String(CALLERS), String(HANDLER_MS)] }),
  );
  await Promise.all(children.map((child) => once(child, 'message')));
  const done: Round[] = [];
  for (let round = 0; round < ROUNDS[way]; round++) {
    const id = `${way}-${String(Date.now())}-${String(round)}`;
    const told = children.map(async (child) => ((await once(child, 'message')) as [Told])[0]);
    for (const child of children) child.send(id);
    const all = await Promise.all(told);
    done.push({
      runs: Number(await redis.get(`contrast:runs:${id}`)),
      answers: new Set(all.flatMap(({ answers }) => answers)).size,
      slowestMs: Math.max(...all.map(({ slowestMs }) => slowestMs)),
    });
  }
  const ended = children.map((child) => once(child, 'exit'));
  for (const child of children) child.send('');
  await Promise.all(ended);
  redis.disconnect();
  return done;
}
