import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { chartsOf, digestOf, fileOf, THEMES } from '../../../bench/peers/chart-data.js';
import { between, pageOf, readmeOf } from '../../../bench/peers/page.js';
import { Lookup, type Results } from '../../../bench/peers/results.js';
import { mastersFor, predict, type Parts } from '../../../bench/scaling/model.js';
import { pageOf as scalingOf, type ScalingResults } from '../../../bench/scaling/page.js';

const root = join(__dirname, '..', '..', '..');
const read = (file: string): string => readFileSync(join(root, file), 'utf8');
const scaling = JSON.parse(read('docs/scaling.json')) as ScalingResults;
const results = JSON.parse(read('docs/performance.json')) as Results;

// `npm run bench:peers -- --page` writes them all anew.
it.each([
  ['docs/performance.md', pageOf],
  ['README.md', readmeOf],
])('shows the figures of performance.json in %s', (file, make) => {
  expect(read(file)).toBe(between(read(file), make(results)));
});

it('shows the figures of performance.json in the charts, and has no others', () => {
  const charts = chartsOf(results);
  const files = charts.flatMap((chart) => THEMES.map((theme) => fileOf(chart, theme)));
  expect(
    readdirSync(join(root, 'docs/charts'))
      .map((name) => `docs/charts/${name}`)
      .sort(),
  ).toEqual(files.sort());
  for (const chart of charts)
    for (const theme of THEMES) expect(read(fileOf(chart, theme))).toContain(`figures ${digestOf(chart)}<`);
});

// `npm run bench:scaling -- --page` writes it anew.
it('shows the figures of scaling.json in docs/scaling.md, as the model of today predicts them', () => {
  expect(read('docs/scaling.md')).toBe(between(read('docs/scaling.md'), scalingOf(scaling)));
  expect(predict(scaling.parts, scaling.large)).toEqual(scaling.predicted);
});

it('adds up what flows, re-reads, processes and masters take', () => {
  const each = { serverCpu: 100_000, clientCpu: 10_000, commands: 3, bytes: 1_000 };
  const parts: Parts = {
    master: { serverCpu: 1_000 },
    pair: { serverCpu: 500, commands: 1, bytes: 10 },
    process: { clientCpu: 2_000 },
    connectionsOfPair: 2,
    flow: each,
    reread: { ...each, serverCpu: 10_000, commands: 1 },
    waiter: { serverMemory: 800, clientMemory: 4_000 },
    restored: { serverCpu: 30, clientCpu: 100 },
  };
  const fleet = { processes: 4, waiters: 1_000, flows: 10, masters: 2, rereadMs: 10_000 };
  expect(predict(parts, fleet)).toMatchObject({
    'commands, all masters': 8 + 30 + 100,
    'CPU of a master': (2_000 + 4_000 + 1_000_000 + 1_000_000) / 2 / 1e6,
    'memory of a master': 400_000,
    'channels of a master': 500,
    'connections of a master': 8,
  });
  expect(mastersFor(parts, fleet, 0.5)).toBe(5);
  expect(mastersFor(parts, fleet, 0.001)).toBeUndefined();
});

it('takes the median of the rounds’ ratios, and the power with which a figure grows', () => {
  const measurement = { work: 'growth', figure: 'f', unit: 'ms' } as const;
  const had = new Lookup({
    measurements: [
      { ...measurement, contender: 'a', at: 10, rounds: [2, 30, 4] },
      { ...measurement, contender: 'b', at: 10, rounds: [1, 10, 4] },
      ...[10, 100, 1_000].map((at) => ({ ...measurement, contender: 'square', at, rounds: [at * at] })),
    ],
  });
  expect(had.ratio('growth', 'f', ['a', 'b'], 10)).toBe(2);
  expect(had.slope('growth', 'f', 'square')).toBeCloseTo(2);
  expect(had.ratio('growth', 'f', ['a', 'none'], 10)).toBeUndefined();
});
