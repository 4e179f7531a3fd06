import type { Redis } from 'ioredis';
import { pushCall, scripts, type Argument, type Script } from '../contract/scripts.js';
import type { Timed } from './deadlines.js';
import { flat, sendFlat, type Flat } from './flat-command.js';

/** How calls end, where not by a reply. */
export interface ScriptEnds {
  /** Why there was no answer in time. */
  unanswered(): Error;
  /** Whether a call that failed goes on elsewhere. */
  lost?(call: ScriptCall, error: Error): boolean;
}

const NONE: readonly never[] = [];
const nobody = (): void => undefined;

/** A call of a script that waits for its reply, or for its time to be up. */
export class ScriptCall implements Timed {
  done = false;
  at = 0;

  constructor(
    readonly script: Script,
    public keys: readonly string[],
    public values: readonly Argument[],
    public resolve: (reply: unknown) => void,
    public reject: (error: unknown) => void,
    readonly ends: ScriptEnds,
  ) {}

  answer(reply: unknown): void {
    if (this.done) return; // its time was up
    this.done = true;
    if (!(reply instanceof Error)) this.resolve(reply);
    else if (this.ends.lost?.(this, reply) !== true) this.reject(reply);
    // It may stand in the list of deadlines for a while, with nobody to ask after it.
    this.keys = this.values = NONE;
    this.resolve = this.reject = nobody;
  }

  expire(): void {
    this.reject(this.ends.unanswered());
  }
}

// Redis does nothing else meanwhile: as many as spare most of what each call costs by itself (measured: with 32, a twentieth more flows
// a second than with 16), and take less than half a millisecond (measured: a quarter).
const MOST_CALLS = 32;
const MOST_BYTES = 65_536;

/**
 * Sends the script calls of a tick, in their order: one as it is, several as batches. By their hash, and by their text where the
 * server does not know it (NOSCRIPT says that nothing ran). Replies come as bytes.
 */
export class ScriptRunner {
  readonly #redis: Redis;
  readonly #batches: boolean;
  #queue: ScriptCall[] = [];

  constructor(redis: Redis, batches: boolean) {
    this.#redis = redis;
    this.#batches = batches;
  }

  get size(): number {
    return this.#queue.length;
  }

  /** Whether what was added fills a batch: Redis may as well begin with it. */
  get full(): boolean {
    return this.#queue.length >= MOST_CALLS;
  }

  add(call: ScriptCall): void {
    this.#queue.push(call);
  }

  /** Sends what was added since. */
  flush(): void {
    const calls = this.#queue;
    this.#queue = [];
    let batch: ScriptCall[] = [];
    let bytes = 0;
    for (const call of calls) {
      const size = this.#batches && call.script.batched ? bytesOf(call.values) : Infinity;
      if (
        batch.length === MOST_CALLS ||
        bytes + size > MOST_BYTES ||
        batch[0]?.keys.length !== call.keys.length
      ) {
        this.#send(batch);
        batch = [];
        bytes = 0;
      }
      batch.push(call);
      bytes += size;
    }
    this.#send(batch);
  }

  #send(calls: readonly ScriptCall[]): void {
    const [only] = calls;
    if (!only) return;
    if (calls.length === 1) {
      const args = [only.script.sha1, String(only.keys.length), ...only.keys, ...only.values];
      this.#run(only.script, flat(args), (reply) => {
        only.answer(reply);
      });
      return;
    }
    const args: Argument[] = [scripts.batch.sha1, ''];
    for (const call of calls) args.push(...call.keys);
    args[1] = String(args.length - 2);
    args.push(only.values[0] as Argument); // how to publish, which all of one connection do alike
    for (const call of calls) pushCall(args, call.script, call.values);
    this.#run(scripts.batch, flat(args), (replies) => {
      let at = 0;
      for (const call of calls) call.answer(Array.isArray(replies) ? replies[at++] : replies);
    });
  }

  /** Answers with the reply, or with the error. */
  #run(script: Script, args: Flat, answer: (reply: unknown) => void): void {
    sendFlat(this.#redis, 'evalsha', args).then(answer, (error: unknown) => {
      if (!(error as Error).message.startsWith('NOSCRIPT')) {
        answer(error);
        return;
      }
      args[0] = script.lua;
      sendFlat(this.#redis, 'eval', args).then(answer, answer);
    });
  }
}

function bytesOf(values: readonly Argument[]): number {
  let bytes = 0;
  for (const value of values) bytes += value.length;
  return bytes;
}
