/** One figure of the bench: a ratio against something measured in the same run, or a size. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** What must hold. */
  readonly bound?: { readonly at: 'most' | 'least'; readonly value: number } | undefined;
  /** The measured numbers behind a ratio, for the reader. */
  readonly detail: string;
}

export function holds(figure: Figure): boolean {
  const { bound, value } = figure;
  if (!bound) return true;
  return bound.at === 'most' ? value <= bound.value : value >= bound.value;
}

export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? NaN;
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

const COLUMNS = [46, 14, 14, 6] as const;

export function header(): string {
  return line(['figure', 'measured', 'must be', ''], 'behind it');
}

export function row(figure: Figure): string {
  const { bound, unit } = figure;
  const must = bound ? `${bound.at === 'most' ? '<=' : '>='} ${shown(bound.value)} ${unit}` : '';
  return line(
    [figure.name, `${shown(figure.value)} ${unit}`, must, bound ? (holds(figure) ? 'ok' : 'MISS') : ''],
    figure.detail,
  );
}

function line(cells: readonly string[], last: string): string {
  return cells.map((cell, at) => cell.padEnd(COLUMNS[at] ?? 0)).join('') + last;
}

function shown(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(2);
}
