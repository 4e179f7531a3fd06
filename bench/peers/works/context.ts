import type { Entry, Work } from '../entries.js';
import type { WatchedServer } from '../watched-server.js';

/** One value that one round found. */
export interface Sample {
  readonly work: Work;
  readonly contender: string;
  readonly figure: string;
  readonly unit: string;
  /** Where on an axis it is: flows in flight, waiters, processes, bytes. */
  readonly at?: number;
  readonly value: number;
}

/** What one round of a work is given. */
export interface Context {
  readonly server: WatchedServer;
  /** Those that take part, in this round's order. */
  readonly entries: readonly Entry[];
  readonly quick: boolean;
  /** Names what this round makes, unlike any other's. */
  readonly label: string;
  /** One contender is done with this work, in this round. */
  readonly done: (entry: Entry) => void;
  /** It could not do it: the others go on. */
  readonly failed: (entry: Entry, error: unknown) => void;
}

/** One round of a work. */
export type Play = (context: Context) => Promise<Sample[]>;

/** A work that each contender does alone, one after another, on an empty server. */
export function inTurn(play: (entry: Entry, context: Context) => Promise<Sample[]>): Play {
  return async (context) => {
    const samples: Sample[] = [];
    for (const entry of context.entries) {
      await context.server.empty();
      try {
        samples.push(...(await play(entry, context)));
      } catch (error) {
        context.failed(entry, error);
      }
      context.done(entry);
    }
    await context.server.empty();
    return samples;
  };
}

/** The payload of all works but growth. */
export const BYTES = 250;
