import type { Promised } from './checker/check.js';
import { play, type Played, type PlayOptions } from './play.js';
import { complaints } from './report.js';

/** What several runs of one fault came to, together. */
export interface Sum {
  readonly topology: string;
  readonly fault: string;
  readonly seeds: readonly [first: number, last: number];
  readonly flows: number;
  readonly operations: number;
  readonly faults: number;
  readonly broken: Readonly<Record<Promised | 'leftovers', number>>;
  readonly lost: number;
  readonly repeats: number;
  /** Names that porcupine could not decide in time, of all that it was given; undefined where it did not run. */
  readonly undecided: number | undefined;
  readonly keys: number | undefined;
  readonly longestStallMs: number;
  readonly seconds: number;
}

/** Plays with one seed after the other until so many flows were seen, and sums up. Stops early where something did not hold. */
export async function series(
  options: PlayOptions,
  flows: number,
  porcupine: Parameters<typeof play>[1],
  say: (text: string) => void = () => undefined,
): Promise<Sum> {
  const from = performance.now();
  let sum: Sum | undefined;
  for (let seed = options.seed; (sum?.flows ?? 0) < flows; seed++) {
    const played = await play({ ...options, seed }, porcupine);
    sum = added(sum, played, options, seed, (performance.now() - from) / 1_000);
    if (played.kept === undefined) continue;
    for (const complaint of complaints(played)) say(complaint);
    say(`seed ${String(seed)}: the histories are in ${played.kept}`);
    break;
  }
  if (!sum) throw new Error('flows must be at least 1');
  return sum;
}

/** Whether every promise held. */
export function held({ broken }: Sum): boolean {
  return Object.values(broken).every((count) => count === 0);
}

function added(
  sum: Sum | undefined,
  played: Played,
  { topology, fault, seed: first }: PlayOptions,
  seed: number,
  seconds: number,
): Sum {
  const { linearizability: order, broken, leftovers } = played;
  const counts = Object.entries({ ...broken, leftovers }).map(([promise, found]) => [
    promise,
    found.length + (sum?.broken[promise as Promised] ?? 0),
  ]);
  return {
    ...{ topology, fault, seeds: [first, seed], seconds },
    flows: played.flows + (sum?.flows ?? 0),
    operations: played.operations + (sum?.operations ?? 0),
    faults: played.faults + (sum?.faults ?? 0),
    broken: Object.fromEntries(counts) as Sum['broken'],
    lost: played.lost + (sum?.lost ?? 0),
    repeats: played.repeats.length + (sum?.repeats ?? 0),
    undecided: order.checked ? order.undecided.length + (sum?.undecided ?? 0) : undefined,
    keys: order.checked ? order.keys + (sum?.keys ?? 0) : undefined,
    longestStallMs: Math.max(played.longestStallMs, sum?.longestStallMs ?? 0),
  };
}

const COLUMNS: readonly (readonly [title: string, cell: (sum: Sum) => string])[] = [
  ['', ({ topology }) => topology],
  ['fault', ({ fault }) => `\`${fault}\``],
  ['flows', ({ flows }) => shown(flows)],
  ['operations', ({ operations }) => shown(operations)],
  ['faults', ({ faults }) => shown(faults)],
  ['lost wakes', ({ broken }) => shown(broken.lostWakes)],
  ['double runs', ({ broken }) => shown(broken.doubleRuns)],
  ['hung waits', ({ broken }) => shown(broken.hungWaits)],
  ['wrong answers', ({ broken }) => shown(broken.wrongAnswers + broken.fences + broken.order)],
  ['lost', ({ lost }) => shown(lost)],
  ['repeats', ({ repeats }) => shown(repeats)],
  ['undecided', ({ undecided }) => (undecided === undefined ? '–' : shown(undecided))],
  ['longest stall', ({ longestStallMs }) => `${shown(Math.round(longestStallMs))} ms`],
];

/** The head of a table of sums in Markdown, and a row of it. */
export const HEAD = `| ${COLUMNS.map(([title]) => title).join(' | ')} |\n${'|---'.repeat(COLUMNS.length)}|`;

export function row(sum: Sum): string {
  return `| ${COLUMNS.map(([, cell]) => cell(sum)).join(' | ')} |`;
}

function shown(value: number): string {
  return value.toLocaleString('en-US');
}
