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

/** What a request's own route says of its answer. */
export interface TurnRules extends KeepingRules {
  readonly storeStatus: (status: number) => boolean;
}

/** One request that may run its handler, at most once. */
export class Turn {
  /** What the handler answered, whole. */
  reply: Reply | undefined;
  /** What of it is kept. */
  kept: KeptReply | undefined;
  /** What the handler threw. */
  thrown: { readonly error: unknown } | undefined;
  began = false;
  readonly #name: Pick<IdempotencyContext, 'key' | 'id'>;
  readonly #rules: TurnRules;
  readonly #execute: Execute;
  #timer: NodeJS.Timeout | undefined;

  constructor(name: Pick<IdempotencyContext, 'key' | 'id'>, rules: TurnRules, execute: Execute) {
    this.#name = name;
    this.#rules = rules;
    this.#execute = execute;
  }

  /** Its patience as one that only waits; a handler that began is waited for to its end. */
  limit(ms: number, onPassed: () => void): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(onPassed, ms);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  /** Runs the handler. Rejects with `NotKept`; what the handler threw stays here for its own caller, and out of Redis. */
  async begin(context: RunContext): Promise<KeptReply> {
    this.stop();
    this.began = true;
    const { signal, attempt, fence, coordinated } = context;
    try {
      const answered = await this.#execute({ ...this.#name, signal, attempt, fence, coordinated });
      const { whole, kept } = await keep(answered, this.#rules);
      this.reply = whole;
      this.kept = kept;
      if (this.#rules.storeStatus(kept.status)) return kept;
    } catch (error) {
      this.thrown = { error };
    }
    throw new NotKept(this.kept);
  }
}

const all = new WeakMap<object, Turns>();

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

  /** Shared by all that is defined on one broker: routes may have settings of their own and share their keys. */
  static of(broker: object): Turns {
    const turns = all.get(broker) ?? new Turns();
    all.set(broker, turns);
    return turns;
  }

  /** One whose handler has not begun. */
  next(same: string): Turn | undefined {
    return [...(this.#waiting.get(same) ?? [])].find((turn) => !turn.began);
  }
}
