import { hintChannelOf, keysOf, type FlowKeys } from '../contract/keys.js';
import {
  parseReply,
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
  type CreateOptions,
  type DeleteOptions,
  type PublishVerb,
  type SettleOptions,
  type Verb,
} from '../contract/scripts.js';
import type { SettleStatus } from '../contract/status.js';
import type { FlowName } from '../errors.js';
import type { Line } from '../redis/line.js';
import { runScript } from '../redis/script-runner.js';
import { failureOf } from './failures.js';
import type { Telemetry } from './telemetry.js';

/** What create is asked, besides the flow. */
export interface CreatePlan {
  readonly request: string;
  readonly timeoutMs: number;
  readonly metadata: Argument;
  readonly options: CreateOptions;
}

/** What settle is asked, besides the flow. */
export interface SettlePlan {
  readonly request: string;
  readonly status: SettleStatus;
  readonly payload: Argument;
  readonly options: SettleOptions;
}

/** Who is asked where: the parts of a broker that every verb needs. */
export interface VerbsOptions {
  readonly brokerId: string;
  readonly prefix: string;
  readonly db: number;
  readonly inlineBytes: number;
  readonly publish: PublishVerb;
}

/** One method a script: verdicts and records. Each rejects with a FlowError that names the flow. */
export class Verbs {
  readonly #commands: Line;
  readonly #options: VerbsOptions;
  readonly #telemetry: Telemetry;
  #requests = 0;

  constructor(commands: Line, options: VerbsOptions, telemetry: Telemetry) {
    this.#commands = commands;
    this.#options = options;
    this.#telemetry = telemetry;
  }

  keys(flow: FlowName): FlowKeys {
    return keysOf(this.#options.prefix, flow);
  }

  hintChannel(flow: FlowName): string {
    return hintChannelOf(this.#options.db, this.keys(flow));
  }

  /** A new request id: the same one again makes a repeated request answer as the first did. */
  request(): string {
    return `${this.#options.brokerId}.${(this.#requests++).toString(36)}`;
  }

  async create(flow: FlowName, plan: CreatePlan, line = this.#commands): Promise<Reply<CreateVerdict>> {
    const values = createArguments(
      this.#options.publish,
      plan.request,
      plan.timeoutMs,
      plan.metadata,
      plan.options,
    );
    const reply = await this.#run<CreateVerdict>('create', flow, values, line);
    if (reply.verdict === 'created') this.#telemetry.count('transitions', flow, { verdict: reply.verdict });
    if (reply.verdict === 'taken_over') {
      this.#telemetry.count('transitions', flow, { verdict: reply.verdict });
      this.#telemetry.count('takeovers', flow, { attempt: reply.record?.attempt });
    }
    return reply;
  }

  async settle(flow: FlowName, plan: SettlePlan): Promise<Reply<SettleVerdict>> {
    const { inlineBytes, publish } = this.#options;
    const values = settleArguments(
      publish,
      plan.request,
      plan.status,
      plan.payload,
      inlineBytes,
      plan.options,
    );
    const reply = await this.#run<SettleVerdict>('settle', flow, values, this.#commands);
    if (reply.verdict === 'applied')
      this.#telemetry.count('transitions', flow, { verdict: reply.verdict, status: plan.status });
    return reply;
  }

  renew(flow: FlowName, fence: number, owner: string, leaseMs: number): Promise<Reply<RenewVerdict>> {
    return this.#run(
      'renew',
      flow,
      renewArguments(this.#options.publish, fence, owner, leaseMs),
      this.#commands,
    );
  }

  async release(flow: FlowName, fence: number, owner: string): Promise<Reply<ReleaseVerdict>> {
    const values = releaseArguments(this.#options.publish, this.request(), fence, owner);
    const reply = await this.#run<ReleaseVerdict>('release', flow, values, this.#commands);
    if (reply.verdict === 'released') this.#telemetry.count('transitions', flow, { verdict: reply.verdict });
    return reply;
  }

  read(flow: FlowName, line = this.#commands, replyLimit?: number): Promise<Reply<ReadVerdict>> {
    return this.#run('read', flow, readArguments(this.#options.publish, { replyLimit }), line);
  }

  async delete(flow: FlowName, options: DeleteOptions): Promise<Reply<DeleteVerdict>> {
    const values = deleteArguments(this.#options.publish, this.request(), options);
    const reply = await this.#run<DeleteVerdict>('delete', flow, values, this.#commands);
    if (reply.verdict === 'deleted') this.#telemetry.count('transitions', flow, { verdict: reply.verdict });
    return reply;
  }

  async #run<V extends string>(
    verb: Verb,
    flow: FlowName,
    values: Argument[],
    line: Line,
  ): Promise<Reply<V>> {
    const { record, timer } = this.keys(flow);
    try {
      return parseReply<V>(await runScript(line, scripts[verb], [record, timer], values));
    } catch (error) {
      throw failureOf(error, flow, verb);
    }
  }
}
