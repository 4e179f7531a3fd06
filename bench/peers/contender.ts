/** A flow that was opened, and is waited for. */
export interface Opened {
  /** What it was settled with. */
  readonly outcome: Promise<string>;
  /** When what waiting took is given back; at once by default. */
  readonly left?: Promise<unknown>;
}

/** What a process does in a work: waits, settles what others wait for, or both. */
export type Role = 'waiter' | 'settler' | 'both';

/**
 * A library at the works, used as its documentation recommends. It has the methods of the works that it can do: `open` and `complete` for wake,
 * throughput, cost and growth; `once` for single-flight; `exclusive` for handoff.
 */
export interface Contender {
  /** Resolves when the flow is stored, and whoever settles it from now on wakes this process. */
  open?(id: string): Promise<Opened>;
  /** Settles a flow, from whichever process. The payload is made at the last moment, when nothing but the settling is left to do. */
  complete?(id: string, payload: () => string): Promise<unknown>;
  /** Of all that call it with this id, in all processes, one should do the work, and all should have its answer. */
  once?(id: string, work: () => Promise<string>): Promise<string>;
  /**
   * Has the work done while nobody else, in any process, does any with this name; resolves with what came of it. All processes bring the same
   * work: a queue may have it done in another.
   */
  exclusive?<T>(name: string, work: () => Promise<T>): Promise<T>;
  /** How many of its waiters read their flow again since it was connected, where it counts them. */
  rereads?(): number;
  close(): Promise<void>;
}

/** What each file of contenders/ exports. */
export type Connect = (url: string, role: Role) => Promise<Contender>;
