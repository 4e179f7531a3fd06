import type { RunContext } from '../../features/run/plan.js';
import { FlowInvalidArgumentError } from '../../errors.js';
import { shown } from '../../options.js';
import { Refusal } from './problem.js';
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

/** Also of another copy of the package, which joined the same run without Redis. */
export function isNotKept(error: unknown): error is NotKept {
  return error instanceof Error && error.name === 'IdempotencyNotKept';
}

/** What a request's own route says of its answer. */
export interface TurnRules extends KeepingRules {
  readonly whilePending: 'wait' | 'conflict';
  readonly waitMs: number;
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
  /** What the rules of its route threw, once the handler had answered. */
  fault: { readonly error: unknown } | undefined;
  began = false;
  readonly fingerprint: string;
  readonly #name: Pick<IdempotencyContext, 'key' | 'id'>;
  readonly #rules: TurnRules;
  readonly #execute: Execute;
  readonly #leaving = new AbortController();
  #timer: NodeJS.Timeout | undefined;

  constructor(
    name: Pick<IdempotencyContext, 'key' | 'id'>,
    fingerprint: string,
    rules: TurnRules,
    execute: Execute,
  ) {
    this.#name = name;
    this.fingerprint = fingerprint;
    this.#rules = rules;
    this.#execute = execute;
  }

  /** Aborts when it waits no longer. */
  get leaving(): AbortSignal {
    return this.#leaving.signal;
  }

  /** Throws what it gets at once, where another request with its key came first; and where it waits, limits that. */
  meet(fingerprint: string, atWork: boolean): void {
    if (fingerprint !== this.fingerprint) throw new Refusal('key_reused');
    if (!atWork) return;
    if (this.#rules.whilePending === 'conflict') throw new Refusal('in_progress');
    // Its patience as one that only waits; a handler that began is waited for to its end.
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.leave(new Refusal('in_progress'));
    }, this.#rules.waitMs);
  }

  leave(reason: unknown): void {
    this.#leaving.abort(reason);
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
    } catch (error) {
      this.thrown = { error };
      throw new NotKept(undefined);
    }
    if (this.#isFinal(this.kept.status)) return this.kept;
    throw new NotKept(this.kept);
  }

  /** A rule that fails must not free the key of what was carried out: the answer is kept, and its own client's request fails. */
  #isFinal(status: number): boolean {
    try {
      const final: unknown = this.#rules.storeStatus(status);
      if (typeof final === 'boolean') return final;
      throw new FlowInvalidArgumentError(`storeStatus must return true or false, got ${shown(final)}`);
    } catch (error) {
      this.fault = { error };
      return true;
    }
  }
}

const all = new WeakMap<object, Turns>();

/**
 * The requests of this process that wait for one answer. `run` calls the handler of whoever came first; that one may have been answered
 * and gone when its turn comes, so a handler is always taken from a request that is still there.
 */
export class Turns {
  readonly #waiting = new Map<string, Set<Turn>>();
  readonly #uncoordinated = new Map<string, Turn>();

  /** Throws where a request that Redis knows nothing of is at work here, and this one is not to wait for it. */
  add(flow: string, turn: Turn): void {
    const first = this.#uncoordinated.get(flow);
    if (first) turn.meet(first.fingerprint, true);
    const turns = this.#waiting.get(flow) ?? new Set();
    this.#waiting.set(flow, turns.add(turn));
  }

  remove(flow: string, turn: Turn): void {
    const turns = this.#waiting.get(flow);
    turns?.delete(turn);
    if (turns?.size === 0) this.#waiting.delete(flow);
  }

  /** Shared by all that is defined on one broker: routes may have settings of their own and share their keys. */
  static of(broker: object): Turns {
    const turns = all.get(broker) ?? new Turns();
    all.set(broker, turns);
    return turns;
  }

  /** One whose handler has not begun. */
  next(flow: string, fingerprint: string): Turn | undefined {
    return [...(this.#waiting.get(flow) ?? [])].find(
      (turn) => !turn.began && turn.fingerprint === fingerprint,
    );
  }

  /** Runs the handler of one without Redis: nobody else than this process tells the others what they join. */
  async beginUncoordinated(flow: string, turn: Turn, context: RunContext): Promise<KeptReply> {
    this.#uncoordinated.set(flow, turn);
    for (const other of this.#waiting.get(flow) ?? [])
      try {
        if (other !== turn) other.meet(turn.fingerprint, true);
      } catch (refusal) {
        other.leave(refusal);
      }
    try {
      return await turn.begin(context);
    } finally {
      if (this.#uncoordinated.get(flow) === turn) this.#uncoordinated.delete(flow);
    }
  }
}
