import type { History } from './history.js';

const MOST = 10;
const WITHIN_NS = 1e9;

/** No connection is tried more than ten times within a second, whatever happens. */
export function connectsPaced({ connects }: History): string[] {
  const byConnection = new Map<string, number[]>();
  for (const { process, connection, at } of connects) {
    const key = `connection ${String(connection)} of process ${String(process)}`;
    byConnection.set(key, [...(byConnection.get(key) ?? []), at]);
  }
  return [...byConnection].flatMap(([key, moments]) => {
    const hasty = moments.find((at, index) => at - (moments[index - MOST] ?? -Infinity) < WITHIN_NS);
    return hasty === undefined ? [] : [`${key} was tried more than ${String(MOST)} times within a second`];
  });
}
