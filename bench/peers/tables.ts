import { shown } from './bounds.js';
import { WORKS, type Work } from './entries.js';
import { Lookup, type Results } from './results.js';

/** A table of one work: a row a contender. */
export interface Table {
  readonly work: Work;
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

export const TITLES: Readonly<Record<Work, string>> = {
  wake: 'Wake latency, from complete in one process to the outcome in another',
  throughput: 'Rendezvous a second in one process, by flows in flight',
  'single-flight': 'Single-flight: 8 processes x 25 callers, a handler of 400 ms',
  handoff: 'Handoff: 20 contenders in 4 processes for 10 ms of exclusive work each (ideal 200 ms)',
  cost: 'Cost',
  growth: 'Growth',
  idle: 'Idle waiters in one process',
};

/** What was measured, as tables, in the order of the works. */
export function tables(results: Results): Table[] {
  const had = new Lookup(results);
  return WORKS.flatMap((work) => {
    const contenders = had.contenders(work);
    return contenders.length === 0
      ? []
      : work === 'growth'
        ? growthTables(had)
        : [plainTable(results, had, work)];
  });
}

function plainTable(results: Results, had: Lookup, work: Work): Table {
  const cells = new Map<string, { figure: string; at: number | undefined; unit: string }>();
  for (const { figure, at, unit } of results.measurements.filter((one) => one.work === work))
    cells.set(JSON.stringify([figure, at]), { figure, at, unit });
  const columns = [...cells.values()];
  const headings = columns.map(({ figure, at, unit }) => {
    if (work === 'throughput') return shown(at);
    const name = work === 'cost' && at !== undefined ? `${figure}, ${shown(at)} in flight` : figure;
    return unit ? `${name} (${unit})` : name;
  });
  const ratio = RATIOS[work];
  const rows = had
    .contenders(work)
    .map((contender) => [
      contender,
      ...columns.map(({ figure, at }) => shown(had.value(work, figure, contender, at))),
      ...(ratio ? [shown(had.ratio(work, ratio.figure, [contender, ratio.to], ratio.at))] : []),
    ]);
  return { work, title: TITLES[work], columns: ['', ...headings, ...(ratio ? [ratio.heading] : [])], rows };
}

const RATIOS: { readonly [W in Work]?: { figure: string; to: string; at?: number; heading: string } } = {
  wake: { figure: 'p50', to: 'publish', heading: 'p50, x publish' },
  throughput: { figure: 'flows a second', to: 'floor', at: 256, heading: '256, x floor' },
};

const GROWTHS = ['waiters', 'processes', 'bytes of payload'] as const;

function growthTables(had: Lookup): Table[] {
  const figures = [
    ['opening idle waiters', 'ms', 0],
    ['client memory of idle waiters', 'MB', 0],
    ['Redis memory of idle waiters', 'MB', 0],
    ['CPU of all for the flows of all', 's', 1],
    ['flows a second of all', '/s', 1],
    ['time of a flow, 4 in flight', 'ms', 2],
  ] as const;
  return figures.flatMap(([figure, unit, axis]) => {
    const ats = had.ats('growth', figure);
    if (ats.length === 0) return [];
    const rows = had
      .contenders('growth')
      .filter((name) => ats.some((at) => had.of('growth', figure, name, at)))
      .map((name) => [
        name,
        ...ats.map((at) => shown(had.value('growth', figure, name, at))),
        shown(had.slope('growth', figure, name)),
      ]);
    const columns = ['', ...ats.map((at) => at.toLocaleString('en')), 'slope'];
    return [
      { work: 'growth' as const, title: `Growth: ${figure} (${unit}), by ${GROWTHS[axis]}`, columns, rows },
    ];
  });
}

export function printTables(results: Results): void {
  for (const { title, columns, rows } of tables(results)) {
    const all = [columns, ...rows];
    const widths = columns.map((_, at) => Math.max(...all.map((cells) => (cells[at] ?? '').length)));
    const line = (cells: readonly string[]): string =>
      cells
        .map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0)))
        .join('  ');
    console.log(`\n${title}\n${all.map(line).join('\n')}`);
  }
}
