import { holds } from '../figures.js';
import { bounds, shown } from './bounds.js';
import { chartsOf, fileOf } from './chart-data.js';
import { ENTRIES } from './entries.js';
import type { Results } from './results.js';
import { tables, type Table } from './tables.js';

const ALT = 'A chart of the figures in the table below it';

/** The part of docs/performance.md that the figures make. */
export function pageOf(results: Results): string {
  const charts = chartsOf(results);
  const shows: Readonly<Record<string, readonly string[]>> = {
    wake: ['wake'],
    throughput: ['throughput'],
    'single-flight': ['single-flight', 'slowest-caller'],
    handoff: ['handoff'],
    growth: ['waiters', 'payload'],
  };
  const seen = new Set<string>();
  const works = tables(results).flatMap((table) => {
    const pictures = seen.has(table.work)
      ? []
      : charts.filter(({ name }) => shows[table.work]?.includes(name)).map(({ name }) => picture(name, '..'));
    seen.add(table.work);
    return [`### ${table.title}`, ...pictures, markdown(table)];
  });
  return [provenance(results), ...must(results), ...works, versions(results)].join('\n\n');
}

/** The part of the README that the figures make. */
export function readmeOf(results: Results): string {
  const names = ['throughput', 'single-flight'];
  const pictures = chartsOf(results).filter(({ name }) => names.includes(name));
  return [
    ...pictures.map(({ name }) => picture(name, '.')),
    `Measured on ${machineOf(results)}, ${results.date.slice(0, 10)}; [all works, all contenders, and how](docs/performance.md).`,
  ].join('\n\n');
}

/** Puts what the figures make between its marks. */
export function between(page: string, made: string): string {
  const [begin, end] = ['<!-- figures: written by the bench -->', '<!-- end of figures -->'];
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  if (from < 0 || to < from) throw new Error('the page has no place for the figures');
  return `${page.slice(0, from)}${begin}\n\n${made}\n\n${page.slice(to)}`;
}

function picture(name: string, root: '.' | '..'): string {
  const [light, dark] = (['light', 'dark'] as const).map((theme) => {
    const file = fileOf({ name }, theme);
    return root === '.' ? file : file.replace(/^docs\//, '');
  });
  return [
    '<picture>',
    `  <source media="(prefers-color-scheme: dark)" srcset="${dark ?? ''}">`,
    `  <img src="${light ?? ''}" alt="${ALT}: ${name}">`,
    '</picture>',
  ].join('\n');
}

function machineOf({ machine, versions }: Results): string {
  const cores = `${machine.cores} cores of ${machine.cpu}, ${machine.memoryGb} GB, ${machine.system}`;
  return `${cores}, with Redis ${versions['redis'] ?? ''} and Node ${versions['node'] ?? ''}`;
}

function provenance(results: Results): string {
  const { date, command, seconds, quick, measurements } = results;
  const rounds = Math.max(0, ...measurements.map((one) => one.rounds.length));
  return [
    `Measured on ${machineOf(results)}, on ${date.slice(0, 10)}, by \`${command}\`,`,
    `which took ${Math.ceil(seconds / 60)} minutes: ${rounds} ${rounds === 1 ? 'round' : 'rounds'}${quick ? ' with the small numbers of --quick' : ''}.`,
    'Figures are medians of the rounds; ratios are medians of the rounds’ ratios.',
  ].join(' ');
}

function must(results: Results): string[] {
  const figures = bounds(results);
  if (figures.length === 0) return [];
  const rows = figures.map((figure) => {
    const { name, value, unit, bound, detail } = figure;
    const sign = bound?.at === 'most' ? '≤' : '≥';
    return [
      name,
      `${shown(value)} ${unit}`,
      `${sign} ${shown(bound?.value)} ${unit}`,
      holds(figure) ? 'met' : '**missed**',
      detail,
    ].map((cell) => cell.trim());
  });
  return ['### What must hold', markdown({ columns: ['', 'measured', 'must be', '', 'behind it'], rows })];
}

function versions({ versions: had }: Results): string {
  const rows = ENTRIES.filter(({ packages }) => packages.every((name) => had[name] !== undefined)).map(
    (entry) => [
      entry.name,
      entry.packages.map((name) => `${name}${name === 'flowbroker' ? '' : ` ${had[name] ?? ''}`}`).join(', '),
      entry.what,
      entry.works.join(', '),
      entry.whyNotMore,
    ],
  );
  const columns = ['', 'versions', 'as', 'takes part in', 'not in the rest, because it'];
  return `### Who takes part, and in what\n\n${markdown({ columns, rows })}`;
}

export function markdown({ columns, rows }: Pick<Table, 'columns' | 'rows'>): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  const numbers = columns.map((_, at) => rows.every((cells) => /^[\d.,–]*$/.test(cells[at] ?? '')));
  return [
    line(columns),
    `|${numbers.map((are) => (are ? '---:' : '---')).join('|')}|`,
    ...rows.map(line),
  ].join('\n');
}
