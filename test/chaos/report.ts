import type { Played, PlayOptions } from './play.js';

/** One line for a run. */
export function lineOf({ topology, fault, seconds, seed }: PlayOptions, played: Played): string {
  const { flows, repeats, operations, faults, lost, longestStallMs, broken, linearizability } = played;
  const order = linearizability.checked
    ? `${String(linearizability.calls)} script calls on ${String(linearizability.keys)} keys ${linearizability.illegal.length === 0 ? 'linearizable' : 'NOT linearizable'}${linearizability.undecided.length > 0 ? ` (${String(linearizability.undecided.length)} undecided)` : ''}`
    : `linearizability NOT checked: ${linearizability.why}`;
  return [
    `${topology} ${fault} ${String(seconds)} s seed ${String(seed)}: ${String(flows)} flows, ${String(operations)} operations, ${String(faults)} faults`,
    `${String(broken.lostWakes.length)} lost wakes, ${String(broken.doubleRuns.length)} double runs, ${String(broken.hungWaits.length)} hung waits`,
    `${String(broken.wrongAnswers.length)} wrong answers, ${String(lost)} flows lost by servers, ${String(repeats.length)} forgotten repeats`,
    `longest stall ${String(Math.round(longestStallMs))} ms`,
    order,
  ].join('; ');
}

/** Everything that did not hold, a few examples each; empty if all did. */
export function complaints(played: Played): string[] {
  const all = { ...played.broken, leftovers: played.leftovers };
  return Object.entries(all).flatMap(([promise, broken]) =>
    broken.length === 0
      ? []
      : [`${promise}: ${String(broken.length)}`, ...broken.slice(0, 5).map((one) => `  ${one}`)],
  );
}
