import type { Sample } from './entries.js';

/** How a figure of one process went, by the line that fits its samples best. */
export interface Slope {
  readonly what: keyof typeof MOST;
  readonly mean: number;
  readonly perHour: number;
  readonly flat: boolean;
}

/** What the line may rise by over the time looked at, as a part of the mean. Sockets and resources come and go one by one. */
const MOST = { heap: 0.05, rss: 0.1, resources: 0.1, sockets: 0.1 } as const;
const WARM_UP = 0.25; // code is compiled, and pools grow to their size
const HOUR_NS = 3_600e9;

export function slopesOf(samples: readonly Sample[]): Slope[] {
  const warm = samples.slice(Math.floor(samples.length * WARM_UP));
  const span = (warm.at(-1)?.at ?? 0) - (warm[0]?.at ?? 0);
  return (Object.keys(MOST) as Slope['what'][]).map((what) => {
    const mean = average(warm.map((sample) => sample[what]));
    const middle = average(warm.map(({ at }) => at));
    const spread = warm.reduce((sum, { at }) => sum + (at - middle) ** 2, 0);
    const rise = warm.reduce((sum, sample) => sum + (sample.at - middle) * (sample[what] - mean), 0);
    const slope = spread === 0 ? 0 : rise / spread;
    return { what, mean, perHour: slope * HOUR_NS, flat: slope * span <= mean * MOST[what] };
  });
}

function average(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
}
