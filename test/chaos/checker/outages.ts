import type { History } from './history.js';

const RECOVERY_NS = { least: 300e6, most: 1_500e6 } as const;

interface Span {
  readonly from: number;
  readonly end: number;
}

/** Times that excuse a wait: the server could not be reached as usual, or the process itself stood still. Taken from what was seen. */
export class Outages {
  readonly #faults: readonly Span[];
  readonly #standstills = new Map<number, Span[]>();

  constructor({ deeds, standstills }: History) {
    this.#faults = deeds
      .filter(({ deed }) => deed === 'fault' || deed === 'slow')
      .map(({ deed, from, end = Infinity }) => ({
        from,
        end: deed === 'slow' ? end : end + recovery(end - from),
      }));
    for (const { process, ...span } of standstills) {
      const spans = this.#standstills.get(process) ?? [];
      this.#standstills.set(process, spans);
      spans.push(span);
    }
  }

  /** How much of this time, in ns, is excused for a process. */
  excused(process: number, from: number, end: number): number {
    const spans = [...this.#faults, ...(this.#standstills.get(process) ?? [])];
    return overlap(spans, from, end);
  }

  /** How much of it the process stood still, whatever the servers did. */
  stoodStill(process: number, from: number, end: number): number {
    return overlap(this.#standstills.get(process) ?? [], from, end);
  }
}

/** What connections may take to come back: they are tried again the later, the longer it lasted. */
function recovery(ns: number): number {
  return Math.min(RECOVERY_NS.least + ns, RECOVERY_NS.most);
}

function overlap(spans: readonly Span[], from: number, end: number): number {
  const within = spans
    .map((span) => ({ from: Math.max(from, span.from), end: Math.min(end, span.end) }))
    .filter((span) => span.end > span.from)
    .sort((a, b) => a.from - b.from);
  let [sum, reached] = [0, from];
  for (const span of within) {
    sum += Math.max(0, span.end - Math.max(span.from, reached));
    reached = Math.max(reached, span.end);
  }
  return sum;
}
