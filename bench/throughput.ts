import { createBroker } from '../src/index.js';
import { median, type Figure } from './figures.js';
import { Floor } from './floor.js';

const IN_FLIGHT = 256;
const FLOWS = 8_000;
const ROUNDS = 9;

/** A JSON value whose encoded form has 250 bytes. */
export const PAYLOAD = { token: 'x'.repeat(238) };
const TEXT = JSON.stringify(PAYLOAD);

type Work = (id: string) => Promise<unknown>;

async function rate(work: Work, label: string): Promise<number> {
  let next = 0;
  const started = performance.now();
  const worker = async (): Promise<void> => {
    for (let at = next++; at < FLOWS; at = next++) await work(`${label}-${String(at)}`);
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, worker));
  return FLOWS / ((performance.now() - started) / 1_000);
}

/** Flows a second in one process, beside the floor; in turn within each round, the median of the rounds' ratios. */
export async function throughput(url: string): Promise<Figure[]> {
  const broker = createBroker({ redis: url });
  const flows = broker.define<typeof PAYLOAD>('bench');
  const floor = new Floor(url);
  const contenders: Record<'floor' | 'open' | 'separate', Work> = {
    floor: (id) => floor.flow(id, TEXT),
    open: async (id) => {
      const { outcome } = await flows.open(id);
      return Promise.all([outcome, flows.complete(id, PAYLOAD)]);
    },
    separate: async (id) => {
      await flows.create(id);
      return Promise.all([flows.wait(id), flows.complete(id, PAYLOAD)]);
    },
  };
  const rates = { floor: [] as number[], open: [] as number[], separate: [] as number[] };
  for (let round = 0; round <= ROUNDS; round++) {
    for (const name of ['floor', 'open', 'separate'] as const) {
      const measured = await rate(contenders[name], `${name}-${String(round)}-${String(Date.now())}`);
      if (round > 0) rates[name].push(measured); // the first is for warming up
    }
  }
  floor.close();
  await broker.close();
  const figure = (name: string, of: 'open' | 'separate', least: number): Figure => ({
    name,
    value: median(rates[of].map((value, at) => value / (rates.floor[at] ?? NaN))),
    unit: 'x',
    bound: { at: 'least', value: least },
    detail: `${median(rates[of]).toFixed(0)}/s beside ${median(rates.floor).toFixed(0)}/s`,
  });
  return [
    figure(`open + complete, ${String(IN_FLIGHT)} in flight, vs floor`, 'open', 1.2),
    figure('create, wait, complete apart, vs floor', 'separate', 1.0),
  ];
}
