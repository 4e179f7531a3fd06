import { hintChannelOf, recordKeyOf, timerKeyOf } from '../contract/keys.js';
import {
  lacksPayload,
  parseReply,
  verdictOf,
  type CreateVerdict,
  type DeleteVerdict,
  type ReadVerdict,
  type ReleaseVerdict,
  type RenewVerdict,
  type Reply,
  type SettleVerdict,
} from '../contract/replies.js';
import {
  createArguments,
  deleteArguments,
  readArguments,
  releaseArguments,
  renewArguments,
  scripts,
  settleArguments,
  type Argument,
  type DeleteOptions,
  type PublishVerb,
  type ReleaseOptions,
  type Verb,
} from '../contract/scripts.js';
import type { FlowName } from '../errors.js';
import { confirmed, type Confirmation, type Confirmed } from '../redis/confirmed.js';
import type { Line } from '../redis/line.js';
import type { Topology } from '../redis/topology.js';
import { failureOf } from './failures.js';
import type { CreatePlan, SettlePlan } from './plans.js';
import type { Telemetry } from './telemetry.js';
import type { VerbsOptions } from './verbs-options.js';

// Of which answers copies of the same call may still run after it: see Line.run.
const NONE = (): boolean => false;
const APPLIED = (reply: unknown): boolean => verdictOf(reply) === 'applied';
const DELETED = (reply: unknown): boolean => verdictOf(reply) === 'deleted';

/** One method a script: verdicts and records. Each rejects with a FlowError that names the flow. */
export class Verbs {
  readonly #commands: Line;
  readonly #topology: Topology;
  readonly #options: VerbsOptions;
  readonly #telemetry: Telemetry;
  #publish: PublishVerb | undefined;
  #requests = 0;
  #flow: FlowName | undefined;
  #record = '';
  /** What is under way over another connection. Whatever is asked of that flow meanwhile comes after it, as it was called. */
  #ahead: { readonly record: string; readonly answered: Promise<void> } | undefined;

  constructor(topology: Topology, options: VerbsOptions, telemetry: Telemetry) {
    this.#commands = topology.commands;
    this.#topology = topology;
    this.#publish = topology.publish;
    this.#options = options;
    this.#telemetry = telemetry;
  }

  /** The key of the flow's record, which is its channel too. */
  record(flow: FlowName): string {
    // One call asks for it several times, and a text that is made anew is hashed anew.
    if (this.#flow !== flow) {
      this.#flow = flow;
      this.#record = recordKeyOf(this.#options.prefix, flow);
    }
    return this.#record;
  }

  hintChannel(flow: FlowName): string {
    return hintChannelOf(this.#topology.db, { timer: timerKeyOf(this.record(flow)) });
  }

  /** A new request id: the same one again makes a repeated request answer as the first did. */
  request(): string {
    return `${this.#options.brokerId}.${(this.#requests++).toString(36)}`;
  }

  create(flow: FlowName, plan: CreatePlan, line = this.#commands): Promise<Reply<CreateVerdict>> {
    const { request, timeoutMs, metadata, options } = plan;
    const values = createArguments(this.#verb, request, timeoutMs, metadata, options);
    if (this.#options.timers()) values.push('timer', '1');
    const created = ({ verdict, record }: Reply<CreateVerdict>): boolean => {
      if (verdict === 'taken_over') this.#telemetry.count('takeovers', flow, { attempt: record?.attempt });
      return verdict === 'created' || verdict === 'taken_over';
    };
    // What was created may be deleted as soon as its caller knows of it: a copy would create it again.
    return this.#run('create', flow, values, line, created, NONE);
  }

  settle(flow: FlowName, plan: SettlePlan, line?: Line): Promise<Reply<SettleVerdict>> {
    const alone = line === undefined && this.#commands.idle;
    const ahead = alone ? this.#options.aheadFor(this.record(flow)) : undefined;
    if (!ahead) return this.#settle(flow, plan, line ?? this.#commands);
    const settled = this.#settle(flow, plan, ahead.line, ahead.channel);
    this.#goesAhead(this.record(flow), settled);
    return settled.then((reply) => {
      const whole = reply.verdict === 'applied' || !reply.record || !lacksPayload(reply.record);
      return whole ? reply : this.#settle(flow, plan, this.#commands); // too large for that connection
    });
  }

  #goesAhead(record: string, answered: Promise<unknown>): void {
    const over = (): void => {
      if (this.#ahead === ahead) this.#ahead = undefined; // the next may have begun
    };
    const ahead = { record, answered: answered.then(over, over) };
    this.#ahead = ahead;
  }

  #settle(flow: FlowName, plan: SettlePlan, line: Line, ownChannel?: string): Promise<Reply<SettleVerdict>> {
    const { inlineBytes } = this.#options;
    const values = settleArguments(
      this.#verb,
      plan.request,
      plan.status,
      plan.payload,
      inlineBytes,
      plan.options,
    );
    if (ownChannel !== undefined) values.push('ownChannel', ownChannel);
    // A flow remembers who ended the one before it. What changed nothing, nobody remembers, and without a fence it would end any flow.
    const applied = ({ verdict }: Reply<SettleVerdict>): boolean => verdict === 'applied';
    return this.#run(
      'settle',
      flow,
      values,
      line,
      applied,
      plan.options.fence === undefined ? APPLIED : undefined,
    );
  }

  renew(flow: FlowName, fence: number, owner: string, leaseMs: number): Promise<Reply<RenewVerdict>> {
    return this.#run('renew', flow, renewArguments(this.#verb, fence, owner, leaseMs), this.#commands);
  }

  release(
    flow: FlowName,
    fence: number,
    owner: string,
    options: ReleaseOptions,
  ): Promise<Reply<ReleaseVerdict>> {
    const values = releaseArguments(this.#verb, this.request(), fence, owner, options);
    return this.#run<ReleaseVerdict>(
      'release',
      flow,
      values,
      this.#commands,
      ({ verdict }) => verdict === 'released',
    );
  }

  read(flow: FlowName, line = this.#commands, replyLimit?: number): Promise<Reply<ReadVerdict>> {
    return this.#run('read', flow, readArguments(this.#verb, { replyLimit }), line);
  }

  delete(flow: FlowName, options: DeleteOptions): Promise<Reply<DeleteVerdict>> {
    const values = deleteArguments(this.#verb, this.request(), options);
    const deleted = ({ verdict }: Reply<DeleteVerdict>): boolean => verdict === 'deleted';
    return this.#run(
      'delete',
      flow,
      values,
      this.#commands,
      deleted,
      options.fence === undefined ? DELETED : undefined,
    );
  }

  /** Runs one of these on a connection that then counts the replicas that have it. */
  async confirmed<T>(
    flow: FlowName,
    confirmation: Confirmation,
    run: (line: Line) => Promise<T>,
  ): Promise<Confirmed<T>> {
    try {
      await this.#topology.publishVerb(); // before that, the nodes are not known
      const record = this.record(flow);
      return await confirmed(this.#topology, record, confirmation, this.#options.commandTimeoutMs, run);
    } catch (error) {
      throw failureOf(error, flow, 'replication');
    }
  }

  get #verb(): PublishVerb {
    return this.#publish ?? 'PUBLISH';
  }

  /** The same once it is known how this Cluster publishes. */
  async #runWhenKnown<V extends string>(
    verb: Verb,
    flow: FlowName,
    values: Argument[],
    line: Line,
    changed?: (reply: Reply<V>) => boolean,
    harmless?: (reply: unknown) => boolean,
  ): Promise<Reply<V>> {
    try {
      this.#publish = await this.#topology.publishVerb();
    } catch (error) {
      throw failureOf(error, flow, verb);
    }
    values[0] = this.#publish; // the first argument of every script
    return this.#run(verb, flow, values, line, changed, harmless);
  }

  /** `changed` says whether the verdict is a transition that this call caused, `harmless` whether copies may run after it. */
  #run<V extends string>(
    verb: Verb,
    flow: FlowName,
    values: Argument[],
    line: Line,
    changed?: (reply: Reply<V>) => boolean,
    harmless?: (reply: unknown) => boolean,
  ): Promise<Reply<V>> {
    if (this.#publish === undefined) return this.#runWhenKnown(verb, flow, values, line, changed, harmless);
    const record = this.record(flow);
    if (this.#ahead?.record === record && line === this.#commands)
      return this.#ahead.answered.then(() => this.#run(verb, flow, values, line, changed, harmless));
    const keys = this.#options.timers() ? [record, timerKeyOf(record)] : [record];
    return line.run(scripts[verb], keys, values, harmless).then(
      (bytes) => {
        const reply = parsed<V>(bytes, flow, verb);
        if (changed?.(reply)) this.#telemetry.count('transitions', flow, { verb, verdict: reply.verdict });
        return reply;
      },
      (error: unknown) => {
        throw failureOf(error, flow, verb);
      },
    );
  }
}

function parsed<V extends string>(bytes: unknown, flow: FlowName, verb: Verb): Reply<V> {
  try {
    return parseReply<V>(bytes);
  } catch (error) {
    throw failureOf(error, flow, verb);
  }
}
