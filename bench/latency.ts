import { createBroker } from '../src/index.js';
import { median, type Figure } from './figures.js';
import { Floor } from './floor.js';

const CALLS = 1_500;
const WARM = 5_000;
const ROUNDS = 5;

async function medianMs(calls: number, call: (at: number) => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  for (let at = 0; at < calls; at++) {
    const started = performance.now();
    await call(at);
    times.push(performance.now() - started);
  }
  return median(times);
}

/** One call at a time, beside a GET over the same kind of connection. */
export async function latency(url: string): Promise<Figure[]> {
  const broker = createBroker({ redis: url });
  const flows = broker.define<number>('bench');
  const floor = new Floor(url);
  const stamp = String(Date.now());
  await flows.create(`warm-${stamp}`);
  await flows.complete(`warm-${stamp}`, 1);
  const calls = {
    get: () => floor.get('none'),
    open: (at: number, round: number) => flows.open(`open-${stamp}-${String(round)}-${String(at)}`),
    wait: () => flows.wait(`warm-${stamp}`),
    run: () => flows.run(`warm-${stamp}`, () => 2),
  };
  const times = { get: [] as number[], open: [] as number[], wait: [] as number[], run: [] as number[] };
  for (let round = 0; round <= ROUNDS; round++) {
    for (const name of ['get', 'open', 'wait', 'run'] as const) {
      const measured = await medianMs(round > 0 ? CALLS : WARM, (at) => calls[name](at, round));
      if (round > 0) times[name].push(measured);
    }
  }
  floor.close();
  await broker.close();
  const figure = (name: 'open' | 'wait' | 'run', what: string): Figure => ({
    name: `${what}, one at a time, vs GET`,
    value: median(times[name].map((value, at) => value / (times.get[at] ?? NaN))),
    unit: 'x',
    bound: { at: 'most', value: 1.6 },
    detail: `${(median(times[name]) * 1_000).toFixed(0)} us beside ${(median(times.get) * 1_000).toFixed(0)} us`,
  });
  return [
    figure('open', 'open'),
    figure('wait', 'wait for a settled flow'),
    figure('run', 'run on a completed flow'),
  ];
}
