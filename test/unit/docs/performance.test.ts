import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { chartsOf, digestOf, fileOf, THEMES } from '../../../bench/peers/chart-data.js';
import { between, pageOf, readmeOf } from '../../../bench/peers/page.js';
import { Lookup, type Results } from '../../../bench/peers/results.js';

const root = join(__dirname, '..', '..', '..');
const read = (file: string): string => readFileSync(join(root, file), 'utf8');
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
