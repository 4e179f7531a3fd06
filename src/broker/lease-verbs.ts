import { keysOf } from '../contract/keys.js';
import {
  parseLeaseReply,
  type AcquireVerdict,
  type FreeVerdict,
  type GenerationVerdict,
  type LeaseReply,
} from '../contract/lease-replies.js';
import {
  acquireArguments,
  freeArguments,
  scripts,
  type AcquireOptions,
  type Argument,
  type PublishVerb,
} from '../contract/scripts.js';
import type { FlowName } from '../errors.js';
import type { Line } from '../redis/line.js';
import { failureOf } from './failures.js';

/** What acquire is asked, besides the lease. */
export interface AcquirePlan {
  /** Token of this acquisition alone. */
  readonly owner: string;
  readonly leaseMs: number;
  readonly options: AcquireOptions;
}

/** The scripts of the generation lease, one method each. Each rejects with a FlowError that names the lease. */
export class LeaseVerbs {
  readonly #commands: Line;
  readonly #prefix: string;
  readonly #publish: PublishVerb;

  constructor(commands: Line, options: { readonly prefix: string; readonly publish: PublishVerb }) {
    this.#commands = commands;
    this.#prefix = options.prefix;
    this.#publish = options.publish;
  }

  acquire(lease: FlowName, plan: AcquirePlan, line = this.#commands): Promise<LeaseReply<AcquireVerdict>> {
    const { owner, leaseMs, options } = plan;
    return this.#run('acquire', lease, acquireArguments(this.#publish, owner, leaseMs, options), line);
  }

  free(lease: FlowName, owner: string): Promise<LeaseReply<FreeVerdict>> {
    return this.#run('free', lease, freeArguments(this.#publish, owner), this.#commands);
  }

  generation(lease: FlowName): Promise<LeaseReply<GenerationVerdict>> {
    return this.#run('generation', lease, [this.#publish], this.#commands);
  }

  async #run<V extends string>(
    verb: 'acquire' | 'free' | 'generation',
    lease: FlowName,
    values: Argument[],
    line: Line,
  ): Promise<LeaseReply<V>> {
    const { record, timer } = keysOf(this.#prefix, lease);
    try {
      return parseLeaseReply<V>(await line.run(scripts[verb], [record, timer], values));
    } catch (error) {
      throw failureOf(error, lease, verb);
    }
  }
}
