import type { Operation } from './history.js';

/** Calls of `run` in one process share what is under way there: whoever joins late may get what others began long before. */
export class SharedRuns {
  readonly #begins = new Map<Operation, number>();

  constructor(operations: readonly Operation[]) {
    const runs = operations.filter(({ does }) => does === 'run').sort((a, b) => a.at - b.at);
    const last = new Map<string, { begin: number; end: number }>();
    for (const run of runs) {
      const key = `${String(run.process)} ${run.name}`;
      const end = run.ended?.at ?? Infinity;
      const before = last.get(key);
      const shared = before && before.end >= run.at ? before : { begin: run.at, end };
      shared.end = Math.max(shared.end, end);
      last.set(key, shared);
      this.#begins.set(run, shared.begin);
    }
  }

  /** When the first of those that may share it was called. */
  begin(run: Operation): number {
    return this.#begins.get(run) ?? run.at;
  }
}
