import type { Flows } from '../../api/flows.js';
import { onAbort } from '../../waiters/signals.js';
import { aborted, codeOf, notFound } from './failures.js';
import { isFresh, standing, type FlowMetadata } from './flow-state.js';

/** A flow that a caller waits for: whether this caller created it, and how it will end. */
export interface Joined<T> {
  readonly created: boolean;
  readonly fence: number;
  readonly outcome: Promise<T>;
}

/** Joins the flow, or creates it where none stands; an expired result counts as none. */
export async function joinOrCreate<T>(
  flows: Flows<T, FlowMetadata>,
  id: string,
  metadata: FlowMetadata,
  retained: boolean,
  signal: AbortSignal,
): Promise<Joined<T>> {
  const anyEnding = ['COMPLETED', 'FAILED', 'CANCELED'] as const;
  const reuse = retained ? [...anyEnding, 'TIMED_OUT' as const] : anyEnding;
  let opened = await flows.open(id, { metadata, reuse, signal });
  if (opened.verdict === 'settled' && !standing(opened.record, retained))
    opened = await flows.open(id, { metadata, reuse: ['COMPLETED'], signal });
  const { verdict, record, outcome } = opened;
  return {
    created: verdict === 'created',
    fence: record.fence,
    outcome: followed(flows, id, outcome, signal),
  };
}

/** Joins the flow that stands, or rejects with `<type> flow not found`. */
export async function join<T>(
  flows: Flows<T, FlowMetadata>,
  id: string,
  retained: boolean,
  signal: AbortSignal,
): Promise<Joined<T>> {
  const record = standing<T>(await flows.get(id), retained);
  if (!record || !isFresh(record)) throw notFound(flows.type);
  return {
    created: false,
    fence: record.fence,
    outcome: followed(flows, id, flows.wait(id, { signal }), signal),
  };
}

/** A flow that takes the place of the one waited for is followed: it has the same name, and whoever waits knows no other. */
export async function followed<T>(
  flows: Flows<T, FlowMetadata>,
  id: string,
  outcome: Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  for (let waiting = outcome; ; waiting = flows.wait(id, { signal })) {
    try {
      return await waiting;
    } catch (error) {
      if (codeOf(error) !== 'ERR_FLOW_SUPERSEDED') throw error;
    }
  }
}

/** The work's outcome, or `<type> flow aborted` as soon as the signal says so; the work itself goes on. */
export async function unlessAborted<T>(
  type: string,
  signal: AbortSignal | undefined,
  work: Promise<T>,
): Promise<T> {
  if (!signal) return work;
  let leave: () => void = () => undefined;
  const left = new Promise<never>((_resolve, reject) => {
    leave = () => {
      reject(aborted(type));
    };
  });
  work.catch(() => undefined); // once the caller has left, nobody is there to tell
  if (signal.aborted) leave();
  else onAbort(signal, leave);
  try {
    return await Promise.race([left, work]);
  } finally {
    signal.removeEventListener('abort', leave);
  }
}
