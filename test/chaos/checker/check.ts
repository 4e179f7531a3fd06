import { connectsPaced } from './connects.js';
import { endedInTime } from './endings.js';
import { fencesHold } from './fences.js';
import { nameOf, type History } from './history.js';
import { linearizable, type Linearizability } from './linearizable.js';
import { lossesOf } from './losses.js';
import { appliedOnce, denied, forgottenRepeats } from './once.js';
import { Outages } from './outages.js';
import { outcomesHold } from './outcomes.js';
import { settlementsOf } from './settlements.js';

/** The promises, each with what broke it. */
export type Promised =
  | 'doubleRuns'
  | 'wrongAnswers'
  | 'fences'
  | 'hungWaits'
  | 'lostWakes'
  | 'losses'
  | 'order'
  | 'connects'
  | 'deaths';

export interface Findings {
  readonly broken: Readonly<Record<Promised, readonly string[]>>;
  readonly flows: number;
  readonly operations: number;
  readonly faults: number;
  /** Pending flows that a server lost with all its data, by its own account; names of which a failover lost acknowledged writes. */
  readonly lost: number;
  /** Settlements that were sent twice and whose second run knew nothing of the first; see `forgottenRepeats`. */
  readonly repeats: readonly string[];
  readonly longestStallMs: number;
  readonly linearizability: Linearizability;
}

/** Reads a history, and says what does not hold. `porcupine` is its program, or why there is none. */
export async function check(
  history: History,
  porcupine: { readonly file: string } | { readonly why: string },
): Promise<Findings> {
  const linearizability: Linearizability =
    'file' in porcupine
      ? await linearizable(history, porcupine.file)
      : { checked: false, why: porcupine.why };
  const lostNames = new Set(linearizability.checked ? linearizability.lost : []);
  // What a failover lost, or may have, is counted; what became of those flows after that is no fault of the library's.
  const undecided = linearizability.checked && replaced(history) ? linearizability.undecided : [];
  const kept = without(history, new Set([...lostNames, ...undecided]));
  const outages = new Outages(kept);
  const settlements = settlementsOf(kept);
  const outcomes = outcomesHold(kept, settlements, outages);
  const repeats = forgottenRepeats(kept, settlements);
  const losses = lossesOf(kept);
  const flows = history.scripts.flatMap(({ key, record }) =>
    record ? [`${key} ${String(record.origin)}`] : [],
  );
  return {
    broken: {
      doubleRuns: [...appliedOnce(kept, settlements), ...denied(repeats, settlements)],
      wrongAnswers: outcomes.wrong,
      fences: fencesHold(kept, settlements),
      hungWaits: endedInTime(history, outages),
      lostWakes: outcomes.lostWakes,
      losses: losses.unproved,
      order: linearizability.checked ? linearizability.illegal : [],
      connects: connectsPaced(history),
      deaths: history.deaths,
    },
    flows: new Set(flows).size,
    operations: history.operations.length,
    faults: history.deeds.filter(({ deed }) => deed === 'fault').length,
    lost: losses.flows + lostNames.size + outcomes.lost.size,
    repeats,
    longestStallMs: outcomes.longestStallMs,
    linearizability,
  };
}

function replaced({ deeds }: History): boolean {
  return deeds.some(({ deed }) => deed === 'replaced');
}

function without(history: History, names: ReadonlySet<string>): History {
  if (names.size === 0) return history;
  return {
    ...history,
    operations: history.operations.filter(({ name }) => !names.has(name)),
    handlers: history.handlers.filter(({ name }) => !names.has(name)),
    scripts: history.scripts.filter(({ key }) => !names.has(nameOf(key))),
  };
}
