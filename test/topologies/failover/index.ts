import { parseArgs } from 'node:util';
import { startCluster } from '../../../scripts/redis/index.js';
import { header, holds, median, row, type Figure } from '../../../bench/figures.js';
import { FAULTS, type FaultName } from './faults.js';
import { trial, type Trial } from './trial.js';

const TIMES_MOST = 5;
const BACK_WITHIN_MS = 1_000;

const USAGE = `npm run chaos:failover -- [--fault ${Object.keys(FAULTS)
  .map((name) => `'${name}'`)
  .join('|')}] [--open 2000] [--rate 300] [--rounds 3]`;

/** Of several trials: the sum of what must not be, the median of what a machine's other work blurs, the worst of the rest. */
function figuresOf(name: string, trials: readonly Trial[]): Figure[] {
  const most = (value: number): Figure['bound'] => ({ at: 'most', value });
  const sum = (of: (seen: Trial) => number): number => trials.reduce((all, seen) => all + of(seen), 0);
  const worst = (of: (seen: Trial) => number): number => Math.max(...trials.map(of));
  const times = trials.map(({ othersBefore, othersDuring }) => othersDuring.p99 / othersBefore.p99);
  const p99s = trials.map(
    ({ othersBefore: before, othersDuring: during }) =>
      `${during.p99.toFixed(1)} ms (of ${String(during.count)}) after ${before.p99.toFixed(1)}`,
  );
  const codes = trials.flatMap(({ otherwise }) =>
    Object.entries(otherwise).map(([code, count]) => `${String(count)} ${code}`),
  );
  const promotions = trials.map(({ promotionMs }) => promotionMs.toFixed(0)).join(', ');
  return [
    {
      ...{ name: `${name}: hung waits`, value: sum(({ hung }) => hung), unit: '', bound: most(0) },
      detail: `${String(sum(({ wakes }) => wakes))} wakes`,
    },
    {
      ...{
        name: `${name}: wrong outcomes`,
        value: sum(({ otherwise }) => otherwise['wrong'] ?? 0),
        unit: '',
      },
      ...{ bound: most(0), detail: codes.join(', ') },
    },
    {
      ...{ name: `${name}: wakes of other slots`, value: median(times), unit: 'x', bound: most(TIMES_MOST) },
      detail: `p99 ${p99s.join(', ')}`,
    },
    {
      ...{ name: `${name}: first wake after it`, value: worst(({ firstMs }) => firstMs), unit: 'ms' },
      ...{ bound: most(BACK_WITHIN_MS), detail: `promoted ${promotions} ms after the fault` },
    },
    {
      ...{
        name: `${name}: the last slow wake after it`,
        value: worst(({ steadyMs }) => steadyMs),
        unit: 'ms',
      },
      ...{ bound: most(BACK_WITHIN_MS), detail: '' },
    },
  ];
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      fault: { type: 'string' },
      open: { type: 'string', default: '2000' },
      rate: { type: 'string', default: '300' },
      rounds: { type: 'string', default: '3' },
    },
  });
  if (values.fault !== undefined && !(values.fault in FAULTS))
    throw new Error(`no such fault: ${values.fault}`);
  const names = Object.keys(FAULTS).filter((name) => (values.fault ?? name) === name) as FaultName[];
  const cluster = await startCluster();
  let missed = 0;
  try {
    console.log(header());
    for (const fault of names) {
      const trials: Trial[] = [];
      for (let round = 0; round < Number(values.rounds); round++)
        trials.push(await trial(cluster, { fault, open: Number(values.open), rate: Number(values.rate) }));
      for (const figure of figuresOf(fault, trials)) {
        console.log(row(figure));
        if (!holds(figure)) missed++;
      }
    }
  } finally {
    await cluster.stop();
  }
  if (missed === 0) return;
  console.log(`${String(missed)} figures miss their bound`);
  process.exitCode = 1;
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  console.error(USAGE);
  process.exitCode = 2;
});
