import type { Flows } from '../../../src/index.js';

/** Many flows, each waited for here and to be settled from elsewhere. */
export interface Crowd {
  readonly ids: readonly string[];
  /** Settles those whose index the predicate names; resolves with how many this caller settled, rejects if a call does. */
  settle(which?: (at: number) => boolean): Promise<number>;
  /** How every wait ended: `ok` with the right value, `wrong` with another, or the code of its error. */
  ends(): Promise<Record<string, number>>;
}

/** Opens `count` flows and waits for them twice, in the broker that opened them and in the one that settles. */
export async function crowd(
  here: Flows<string>,
  there: Flows<string>,
  count: number,
  id: () => string,
): Promise<Crowd> {
  const ids = Array.from({ length: count }, id);
  const opened = await Promise.all(ids.map((one) => here.open(one, { timeoutMs: 60_000 })));
  const waits = [...opened.map(({ outcome }) => outcome), ...ids.map((one) => there.wait(one))];
  const ends = waits.map((wait, at) =>
    wait.then(
      (value) => (value === ids[at % count] ? 'ok' : 'wrong'),
      (error: unknown) => (error as { code?: string }).code ?? String(error),
    ),
  );
  return {
    ids,
    async settle(which = () => true) {
      const chosen = ids.filter((_one, at) => which(at));
      const verdicts = await Promise.all(chosen.map(async (one) => (await there.complete(one, one)).verdict));
      // A request that was repeated finds that it had settled the flow itself.
      return verdicts.filter((verdict) => verdict === 'applied' || verdict === 'duplicate').length;
    },
    ends: async () => tally(await Promise.all(ends)),
  };
}

export function tally(words: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const word of words) counts[word] = (counts[word] ?? 0) + 1;
  return counts;
}
