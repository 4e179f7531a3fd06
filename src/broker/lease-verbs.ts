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
import type { Topology } from '../redis/topology.js';
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
  readonly #topology: Topology;
  readonly #prefix: string;

  constructor(topology: Topology, options: { readonly prefix: string }) {
    this.#commands = topology.commands;
    this.#topology = topology;
    this.#prefix = options.prefix;
  }

  acquire(lease: FlowName, plan: AcquirePlan, line = this.#commands): Promise<LeaseReply<AcquireVerdict>> {
    const { owner, leaseMs, options } = plan;
    const asked = (verb: PublishVerb): Argument[] => acquireArguments(verb, owner, leaseMs, options);
    // A copy that ran once the lease was given back would hold it for nobody.
    return this.#run('acquire', lease, asked, line, () => false);
  }

  free(lease: FlowName, owner: string): Promise<LeaseReply<FreeVerdict>> {
    return this.#run('free', lease, (verb) => freeArguments(verb, owner), this.#commands);
  }

  generation(lease: FlowName): Promise<LeaseReply<GenerationVerdict>> {
    return this.#run('generation', lease, (verb) => [verb], this.#commands);
  }

  async #run<V extends string>(
    verb: 'acquire' | 'free' | 'generation',
    lease: FlowName,
    asked: (publish: PublishVerb) => Argument[],
    line: Line,
    harmless?: () => boolean,
  ): Promise<LeaseReply<V>> {
    const { record, timer } = keysOf(this.#prefix, lease);
    try {
      const values = asked(this.#topology.publish ?? (await this.#topology.publishVerb()));
      return parseLeaseReply<V>(await line.run(scripts[verb], [record, timer], values, harmless));
    } catch (error) {
      throw failureOf(error, lease, verb);
    }
  }
}
