import { parseArgs } from 'node:util';
import { startCluster } from '../../../scripts/redis/index.js';
import { header, holds, row, type Figure } from '../../../bench/figures.js';
import { FAULTS, type FaultName } from './faults.js';
import { trial, type Trial } from './trial.js';

const TIMES_MOST = 5;
const BACK_WITHIN_MS = 1_000;

const USAGE = `npm run chaos:failover -- [--fault ${Object.keys(FAULTS)
  .map((name) => `'${name}'`)
  .join('|')}] [--open 2000] [--rate 300]`;

function figuresOf(name: string, seen: Trial): Figure[] {
  const { wakes, hung, otherwise, othersBefore, othersDuring, promotionMs, firstMs, steadyMs } = seen;
  const most = (value: number): Figure['bound'] => ({ at: 'most', value });
  const quantiles = `p99 ${othersDuring.p99.toFixed(1)} ms (of ${String(othersDuring.count)}, longest ${othersDuring.most.toFixed(1)}) after ${othersBefore.p99.toFixed(1)} ms (of ${String(othersBefore.count)}, longest ${othersBefore.most.toFixed(1)})`;
  return [
    { name: `${name}: hung waits`, value: hung, unit: '', bound: most(0), detail: `${String(wakes)} wakes` },
    {
      ...{ name: `${name}: wrong outcomes`, value: otherwise['wrong'] ?? 0, unit: '', bound: most(0) },
      detail: Object.entries(otherwise)
        .map(([code, count]) => `${String(count)} ${code}`)
        .join(', '),
    },
    {
      ...{ name: `${name}: wakes of other slots`, value: othersDuring.p99 / othersBefore.p99, unit: 'x' },
      ...{ bound: most(TIMES_MOST), detail: quantiles },
    },
    {
      ...{ name: `${name}: first wake after it`, value: firstMs, unit: 'ms' },
      ...{
        bound: most(BACK_WITHIN_MS),
        detail: `after the promotion, which came ${promotionMs.toFixed(0)} ms after the fault`,
      },
    },
    {
      ...{ name: `${name}: the last slow wake after it`, value: steadyMs, unit: 'ms' },
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
      const seen = await trial(cluster, { fault, open: Number(values.open), rate: Number(values.rate) });
      for (const figure of figuresOf(fault, seen)) {
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
