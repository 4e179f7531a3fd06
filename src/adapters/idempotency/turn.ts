import type { RunContext } from '../../features/run/plan.js';
import { keep, type KeepingRules, type KeptReply, type Reply } from './reply.js';

/** What a handler is told about the request that it answers. */
export interface IdempotencyContext {
  /** The client's key, without quotes. Another caller may have the same. */
  readonly key: string;
  /** The key within its scope, hashed: no other caller has it. Hand it on to a service that takes such keys, so that it repeats nothing either. */
  readonly id: string;
  /** Aborts when the answer is no longer this process's to give: the lease lost, `timeoutMs` over, the broker closing. */
  readonly signal: AbortSignal;
  /** 1 for the first try; more where `maxAttempts` lets another process repeat what one left unfinished. */
  readonly attempt: number;
  /** Grows from attempt to attempt: pass it on to whatever can refuse an older one. 0 where `coordinated` is false. */
  readonly fence: number;
  /** False only when Redis was unreachable and `onUnavailable` is `run`. */
  readonly coordinated: boolean;
}

/** Calls the framework's handler, and gives what it answered. */
export type Execute = (context: IdempotencyContext) => Promise<Reply>;

/** Fails a flow whose answer is not to be kept; those who wait for it get the answer as `data`. */
export class NotKept extends Error {
  readonly code = 'not_kept';
  readonly data: KeptReply | undefined;

  constructor(data: KeptReply | undefined) {
    super('the answer is not kept');
    this.data = data;
  }

  override get name(): string {
    return 'IdempotencyNotKept';
  }
}

/** One request that may run its handler, at most once. */
export class Turn {
  /** What the handler answered, whole. */
  reply: Reply | undefined;
  /** What the handler threw. */
  thrown: { readonly error: unknown } | undefined;
  fence: number | undefined;
  readonly #name: Pick<IdempotencyContext, 'key' | 'id'>;
  readonly #execute: Execute;
  #timer: NodeJS.Timeout | undefined;

  constructor(name: Pick<IdempotencyContext, 'key' | 'id'>, execute: Execute) {
    this.#name = name;
    this.#execute = execute;
  }

  get began(): boolean {
    return this.fence !== undefined;
  }

  /** Its patience as one that only waits; a handler that began is waited for to its end. */
  limit(ms: number, onPassed: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(onPassed, ms);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  /** Runs the handler; what it threw is kept here for its own caller, and stays out of Redis. */
  async begin(context: RunContext, rules: KeepingRules): Promise<KeptReply> {
    this.stop();
    const { signal, attempt, fence, coordinated } = context;
    this.fence = fence;
    try {
      const answered = await this.#execute({ ...this.#name, signal, attempt, fence, coordinated });
      const { whole, kept } = await keep(answered, rules);
      this.reply = whole;
      return kept;
    } catch (error) {
      this.thrown = { error };
      throw new NotKept(undefined);
    }
  }
}

/**
 * The requests of this process that wait for one answer. `run` calls the handler of whoever came first; that one may have been answered
 * and gone when its turn comes, so a handler is always taken from a request that is still there.
 */
export class Turns {
  readonly #waiting = new Map<string, Set<Turn>>();

  add(same: string, turn: Turn): void {
    const turns = this.#waiting.get(same) ?? new Set();
    this.#waiting.set(same, turns.add(turn));
  }

  remove(same: string, turn: Turn): void {
    const turns = this.#waiting.get(same);
    turns?.delete(turn);
    if (turns?.size === 0) this.#waiting.delete(same);
  }

  /** One whose handler has not begun. */
  next(same: string): Turn | undefined {
    return [...(this.#waiting.get(same) ?? [])].find((turn) => !turn.began);
  }
}
