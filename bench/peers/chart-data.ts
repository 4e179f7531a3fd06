import { createHash } from 'node:crypto';
import type { Work } from './entries.js';
import { Lookup, type Results } from './results.js';

export interface Series {
  readonly name: string;
  readonly values: readonly (number | null)[];
}

/** What a chart shows: bars with a category for each contender, or lines with one for each contender. */
export interface Chart {
  readonly name: string;
  readonly title: string;
  readonly kind: 'bars' | 'lines';
  readonly unit: string;
  readonly logarithmic: boolean;
  readonly categories: readonly string[];
  readonly categoryName: string;
  readonly series: readonly Series[];
  /** Where the ideal lies. */
  readonly ideal?: number;
}

export const THEMES = ['light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];

/** The charts that the results have the figures for. */
export function chartsOf(results: Results): Chart[] {
  const had = new Lookup(results);
  return [
    lines(had, 'throughput', 'flows a second', {
      name: 'throughput',
      title: 'Flows a second in one process, opened, completed and heard of (logarithmic)',
      unit: '/s',
      categoryName: 'in flight',
    }),
    bars(had, 'wake', ['p50', 'p99'], {
      name: 'wake',
      title: 'From complete in one process to the outcome in another (ms, logarithmic)',
      unit: 'ms',
      logarithmic: true,
    }),
    bars(had, 'single-flight', ['handler runs'], {
      name: 'single-flight',
      title: 'Handler runs for 200 callers in 8 processes, of which one is wanted',
      unit: '',
      logarithmic: false,
    }),
    bars(had, 'single-flight', ['slowest caller'], {
      name: 'slowest-caller',
      title: 'Slowest of 200 callers in 8 processes, a handler of 400 ms (ms)',
      unit: 'ms',
      logarithmic: false,
      ideal: 400,
    }),
    bars(had, 'handoff', ['from first to last'], {
      name: 'handoff',
      title: '20 turns of 10 ms of exclusive work, from first to last (ms)',
      unit: 'ms',
      logarithmic: false,
      ideal: 200,
    }),
    lines(had, 'growth', 'client memory of idle waiters', {
      name: 'waiters',
      title: 'Memory of one process with idle waiters (MB, logarithmic)',
      unit: 'MB',
      categoryName: 'waiters',
    }),
    lines(had, 'growth', 'time of a flow, 4 in flight', {
      name: 'payload',
      title: 'Time of a flow by its payload (ms, logarithmic)',
      unit: 'ms',
      categoryName: 'bytes',
    }),
  ].filter(({ series }) => series.length > 0);
}

type BarsOf = Pick<Chart, 'name' | 'title' | 'unit' | 'logarithmic' | 'ideal'>;

function bars(had: Lookup, work: Work, figures: readonly string[], of: BarsOf): Chart {
  const [first = ''] = figures;
  const contenders = had
    .contenders(work)
    .filter((name) => had.of(work, first, name))
    .sort((a, b) => (had.value(work, first, a) ?? 0) - (had.value(work, first, b) ?? 0));
  const series = figures.map((name) => ({
    name,
    values: contenders.map((contender) => had.value(work, name, contender) ?? null),
  }));
  return {
    ...of,
    kind: 'bars',
    categories: contenders,
    categoryName: '',
    series: contenders.length > 0 ? series : [],
  };
}

type LinesOf = Pick<Chart, 'name' | 'title' | 'unit' | 'categoryName'>;

function lines(had: Lookup, work: Work, figure: string, of: LinesOf): Chart {
  const ats = had.ats(work, figure);
  const contenders = had.contenders(work).filter((name) => ats.some((at) => had.of(work, figure, name, at)));
  return {
    ...of,
    kind: 'lines',
    logarithmic: true,
    categories: ats.map((at) => at.toLocaleString('en')),
    series: contenders.map((name) => ({
      name,
      values: ats.map((at) => had.value(work, figure, name, at) ?? null),
    })),
  };
}

/** What a chart's file carries, so that a test can tell whether it shows the figures of today. */
export function digestOf(chart: Chart): string {
  return createHash('sha256').update(JSON.stringify(chart)).digest('hex').slice(0, 16);
}

export function fileOf(chart: Pick<Chart, 'name'>, theme: Theme): string {
  return `docs/charts/${chart.name}-${theme}.svg`;
}
