import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { chartsOf, fileOf, THEMES } from './chart-data.js';
import { render } from './charts.js';
import { between, pageOf, readmeOf } from './page.js';
import type { Results } from './results.js';

const ROOT = join(__dirname, '..', '..');
const RESULTS = join(ROOT, 'docs', 'performance.json');
const CHARTS = join(ROOT, 'docs', 'charts');

/** Keeps these results, or takes those that were kept, and writes the pages and charts that show them. */
export function publish(fresh?: Results): void {
  if (fresh) writeFileSync(RESULTS, `${JSON.stringify(fresh, null, 1)}\n`);
  const results = JSON.parse(readFileSync(RESULTS, 'utf8')) as Results;
  rmSync(CHARTS, { recursive: true, force: true });
  mkdirSync(CHARTS);
  for (const chart of chartsOf(results))
    for (const theme of THEMES) writeFileSync(join(ROOT, fileOf(chart, theme)), render(chart, theme));
  for (const [file, make] of [
    ['docs/performance.md', pageOf],
    ['README.md', readmeOf],
  ] as const) {
    const path = join(ROOT, file);
    writeFileSync(path, between(readFileSync(path, 'utf8'), make(results)));
  }
  console.log('written: docs/performance.json, docs/performance.md, docs/charts, README.md');
}
