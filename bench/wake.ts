import { once } from 'node:events';
import { Redis } from 'ioredis';
import { spawnTs } from '../scripts/spawn-ts.js';
import { createBroker } from '../src/index.js';
import { median, quantile, type Figure } from './figures.js';
import { shuffled } from './shuffled.js';

const WAKES = 800;
const ROUNDS = 5;
// By itself a PUBLISH finds its few paths in the caches of the cores; beside others, as in any service, it does not.
const IN_TURN = 1;
const BY_THEMSELVES = 100;
// V8 is still compiling for some thousand flows, on cores that the wakes need: p50 falls by a third meanwhile, p99 to a tenth.
const WARM = 5_000;

const since = (moment: string): number => Number(process.hrtime.bigint() - BigInt(moment)) / 1e6;

/**
 * From `complete` in one process to the resolved wait in another, beside PUBLISH to its message, and beside a bare script with the same
 * commands to its message; of each the median of the rounds' ratios. Each in turn, in another order each time, so that all three find the machine alike; and once more in blocks, each by itself.
 */
export async function wake(url: string): Promise<Figure[]> {
  const settler = spawnTs(require.resolve('./programs/settler'), { args: [url] });
  await once(settler, 'message');
  const broker = createBroker({ redis: url });
  const flows = broker.define<string>('bench');
  const listening = new Redis(url);
  await listening.subscribe('bench:raw');
  const redis = new Redis(url);
  const stamp = String(Date.now());

  const raw: Wake = async () => {
    const heard = once(listening, 'message');
    settler.send({ publish: 'bench:raw' });
    const [, moment] = (await heard) as [string, string];
    return since(moment);
  };
  const bare: Wake = async (at) => {
    const key = `bench:bare-${stamp}-${String(at)}`;
    await Promise.all([
      listening.subscribe(key),
      redis.set(
        key,
        `1 2 PENDING ${stamp} ${stamp} 0 ${stamp} ${stamp} - - - - - ${key}\n{}\n`,
        'PX',
        300_000,
      ),
    ]);
    const heard = once(listening, 'message');
    settler.send({ bare: key });
    const [, moment] = (await heard) as [string, string];
    const took = since(moment);
    await listening.unsubscribe(key);
    return took;
  };
  const flow: Wake = async (at) => {
    const id = `wake-${stamp}-${String(at)}`;
    const { outcome } = await flows.open(id);
    const settled = outcome.then(since);
    settler.send({ settle: id });
    return settled;
  };

  const wakes = { raw, bare, flow };
  const play = async (block: number, from: number, to: number): Promise<Times> => {
    const times: Times = { raw: [], bare: [], flow: [] };
    for (let at = from; at < to; at += block)
      for (const kind of shuffled(['raw', 'bare', 'flow'] as const))
        for (let one = 0; one < block; one++) times[kind].push(await wakes[kind](at + one));
    return times;
  };
  await play(BY_THEMSELVES, 0, WARM);
  const [inTurn, byThemselves]: [Times[], Times[]] = [[], []];
  for (let round = 0; round < ROUNDS; round++) {
    const from = WARM + round * 2 * WAKES;
    inTurn.push(await play(IN_TURN, from, from + WAKES));
    byThemselves.push(await play(BY_THEMSELVES, from + WAKES, from + 2 * WAKES));
  }
  settler.send({ stop: true });
  await once(settler, 'exit');
  listening.disconnect();
  redis.disconnect();
  await broker.close();
  return [
    figure('wake in another process, p50, vs PUBLISH', inTurn, 'flow', 0.5, 1.5),
    figure('wake in another process, p99, vs PUBLISH', inTurn, 'flow', 0.99, 3),
    figure('  a bare script of the same commands, p50', inTurn, 'bare', 0.5),
    figure('  the same, each by itself, p50', byThemselves, 'flow', 0.5, 1.5),
    figure('  the same, each by itself, p99', byThemselves, 'flow', 0.99, 3),
    figure('  the bare script, each by itself, p50', byThemselves, 'bare', 0.5),
  ];
}

type Wake = (at: number) => Promise<number>;
type Times = Record<'raw' | 'bare' | 'flow', number[]>;

function figure(name: string, rounds: readonly Times[], of: keyof Times, q: number, most?: number): Figure {
  const both = rounds.map((times) => [quantile(times[of], q), quantile(times.raw, q)] as const);
  const us = (at: 0 | 1): string => `${(median(both.map((one) => one[at])) * 1_000).toFixed(0)} us`;
  const bound = most === undefined ? undefined : { at: 'most' as const, value: most };
  const value = median(both.map(([own, floor]) => own / floor));
  return { name, value, unit: 'x', bound, detail: `${us(0)} beside ${us(1)}` };
}
