import type { Decide } from './amend.js';
import { standing, statusOf, type FlowStatus, type Stored } from './flow-state.js';

export type GuardedResult = 'updated' | 'stale' | 'missing';

/** One attempt at a flow, as a caller knows it: when it was created, and the `state` in its metadata. */
export interface Attempt {
  readonly createdAt: number;
  readonly state: string;
}

/** Says `missing` and `stale` of anything but this attempt in one of these statuses. */
export function onlyFor<T>(
  attempt: Attempt,
  retained: boolean,
  from: readonly FlowStatus[],
): Decide<T, 'stale' | 'missing'> {
  return (found) => {
    const record = standing(found, retained);
    if (!record) return 'missing';
    return isOf(record, attempt) && from.includes(statusOf(record)) ? undefined : 'stale';
  };
}

function isOf<T>({ createdAt, metadata }: Stored<T>, attempt: Attempt): boolean {
  const state = (metadata as { state?: unknown } | undefined)?.state ?? '';
  return createdAt === attempt.createdAt && state === attempt.state;
}
