import type { Forgot, Replaced } from './entries.js';
import type { Random } from './random.js';

/** The servers of a run, and what a nemesis can do to them. Each way of arranging servers offers the faults it can suffer. */
export interface Arrangement {
  /** What createBroker takes as `redis`. */
  readonly redis: unknown;
  /** Faults by name: how one is injected. It resolves when the fault is over and the servers serve again. */
  readonly faults: Readonly<Record<string, Inflict>>;
  /** Loopback ports of the servers themselves, past any proxy. */
  readonly ports: readonly number[];
  /** Ends a fault that would go on until somebody notices it; others end by themselves. */
  heal(): Promise<void>;
  /** Failovers so far, asked for or not: a machine that is too busy makes the Sentinels see masters down that are not. */
  readonly switches?: () => readonly Switch[];
  /** What is left on the servers when all brokers are closed, in words; empty if nothing is. */
  leftovers(): Promise<string[]>;
  close(): Promise<void>;
}

/** One server took another's place as the master, at a moment of `performance.now()`. */
export interface Switch {
  readonly atMs: number;
  readonly ports: readonly [number, number];
}

/** One fault, from its beginning to its end. */
export type Inflict = (how: Means) => Promise<void>;

/** What a fault is given to do its work with. */
export interface Means {
  readonly random: Random;
  /** Writes down what it saw become of the data, beside that it happened: it began `agoMs` ago or later. */
  readonly tell: (saw: Seen<Forgot> | Seen<Replaced>) => void;
  /** The servers serve again, though there is still something to put back in order. Without it, the fault lasts until it is done. */
  readonly over: () => void;
}

type Seen<D> = Omit<D, 'from' | 'end'> & { readonly agoMs: number };
