import { median } from '../figures.js';
import type { Work } from './entries.js';
import type { Sample } from './works/context.js';

/** One figure of one contender: what each round found. */
export interface Measurement {
  readonly work: Work;
  readonly contender: string;
  readonly figure: string;
  readonly unit: string;
  readonly at?: number;
  readonly rounds: readonly number[];
}

/** A whole run, as bench/results and docs/performance.json have it. */
export interface Results {
  readonly date: string;
  readonly command: string;
  readonly quick: boolean;
  readonly seconds: number;
  readonly machine: {
    readonly cpu: string;
    readonly cores: number;
    readonly memoryGb: number;
    readonly system: string;
  };
  readonly versions: Readonly<Record<string, string>>;
  readonly measurements: readonly Measurement[];
}

/** The samples of all rounds, those of one thing together. */
export function measurementsOf(samples: readonly Sample[]): Measurement[] {
  const found = new Map<string, Measurement & { rounds: number[] }>();
  for (const { value, ...what } of samples) {
    const key = JSON.stringify([what.work, what.contender, what.figure, what.at]);
    const measurement = found.get(key) ?? { ...what, rounds: [] };
    measurement.rounds.push(Number(value.toPrecision(6)));
    found.set(key, measurement);
  }
  return [...found.values()];
}

/** Finds measurements by what they are of. */
export class Lookup {
  readonly #all: readonly Measurement[];

  constructor({ measurements }: Pick<Results, 'measurements'>) {
    this.#all = measurements;
  }

  of(work: Work, figure: string, contender: string, at?: number): Measurement | undefined {
    return this.#all.find(
      (one) => one.work === work && one.figure === figure && one.contender === contender && one.at === at,
    );
  }

  value(work: Work, figure: string, contender: string, at?: number): number | undefined {
    const found = this.of(work, figure, contender, at);
    return found && median(found.rounds);
  }

  /** The median of the rounds' ratios: what disturbed one round disturbed both of it. */
  ratio(
    work: Work,
    figure: string,
    [one, other]: readonly [string, string],
    at?: number,
  ): number | undefined {
    const [above, below] = [this.of(work, figure, one, at), this.of(work, figure, other, at)];
    if (!above || !below) return undefined;
    return median(above.rounds.map((value, round) => value / (below.rounds[round] ?? NaN)));
  }

  contenders(work: Work): string[] {
    return [...new Set(this.#all.filter((one) => one.work === work).map(({ contender }) => contender))];
  }

  ats(work: Work, figure: string): number[] {
    const ats = this.#all
      .filter((one) => one.work === work && one.figure === figure)
      .map(({ at }) => at ?? 0);
    return [...new Set(ats)].sort((a, b) => a - b);
  }

  /** The power of `at` with which a figure grows, by least squares on the logarithms: 1 is linear, 0 is not at all. */
  slope(work: Work, figure: string, contender: string): number | undefined {
    const points = this.#all
      .filter((one) => one.work === work && one.figure === figure && one.contender === contender)
      .map(({ at, rounds }) => [Math.log(at ?? NaN), Math.log(median(rounds))] as const);
    if (points.length < 2) return undefined;
    const mean = (values: readonly number[]): number =>
      values.reduce((sum, one) => sum + one, 0) / values.length;
    const [x, y] = [mean(points.map(([one]) => one)), mean(points.map(([, one]) => one))];
    const above = points.reduce((sum, [a, b]) => sum + (a - x) * (b - y), 0);
    return above / points.reduce((sum, [a]) => sum + (a - x) ** 2, 0);
  }
}
