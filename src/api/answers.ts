import { flowRecord, type FlowRecord, type Sent } from '../broker/record.js';
import type { Settings } from '../broker/settings.js';
import type { SettlePlan } from '../broker/plans.js';
import {
  lacksPayload,
  type CreateVerdict,
  type Reply,
  type SettleVerdict,
  type StoredRecord,
} from '../contract/replies.js';
import { describeFlow, FlowUnderReplicatedError, type FlowName } from '../errors.js';
import type { Confirmation } from '../redis/confirmed.js';
import { superseded } from '../waiters/ending.js';
import type { CreateResult, SettleResult } from './calls.js';
import type { Foundation } from './foundation.js';

/** What replies of the scripts mean to the caller of one definition. */
export class Answers<T, M> {
  readonly #base: Foundation;
  readonly #settings: Settings;

  constructor(base: Foundation, settings: Settings) {
    this.#base = base;
    this.#settings = settings;
  }

  record(flow: FlowName, record: StoredRecord, sent?: Sent): FlowRecord<T, M> {
    return flowRecord<T, M>(flow, record, this.#settings.payloads, sent);
  }

  created(flow: FlowName, reply: Reply<CreateVerdict>): CreateResult<T, M> | Promise<CreateResult<T, M>> {
    const { record } = reply;
    const verdict = reply.verdict as CreateResult<T, M>['verdict'] | 'superseded';
    if (verdict === 'superseded' || !record) throw superseded(flow);
    if (!lacksPayload(record)) return { verdict, record: this.record(flow, record) };
    // Too large for that reply: the record has it.
    return this.#base.core.verbs.read(flow).then(({ record: whole }) => {
      if (whole?.fence !== record.fence) throw superseded(flow);
      return { verdict, record: this.record(flow, whole) };
    });
  }

  settle(
    flow: FlowName,
    plan: SettlePlan,
    sent: Sent,
    confirmation: Confirmation | undefined,
  ): Promise<SettleResult<T, M>> {
    const { verbs } = this.#base.core;
    if (confirmation) return this.#settleConfirmed(flow, plan, sent, confirmation);
    return verbs.settle(flow, plan).then((reply) => this.#settled(flow, reply, sent));
  }

  /** Adds how many replicas confirmed; rejects if too few did. */
  enough<R extends { readonly record: FlowRecord<T, M> }>(
    flow: FlowName,
    result: R,
    replicas: number,
    { minReplicas, replicaTimeoutMs }: Confirmation,
  ): R & { readonly replicas: number } {
    if (replicas >= minReplicas) return { ...result, replicas };
    const text = `${describeFlow(flow)} is stored, but ${String(replicas)} of ${String(minReplicas)} replicas confirmed it within ${String(replicaTimeoutMs)} ms`;
    throw new FlowUnderReplicatedError(text, { flow, record: result.record, replicas });
  }

  async #settleConfirmed(
    flow: FlowName,
    plan: SettlePlan,
    sent: Sent,
    confirmation: Confirmation,
  ): Promise<SettleResult<T, M>> {
    const { verbs } = this.#base.core;
    const { reply, replicas } = await verbs.confirmed(flow, confirmation, (line) =>
      verbs.settle(flow, plan, line),
    );
    const result = this.#settled(flow, reply, sent);
    if (result.verdict === 'applied' || result.verdict === 'duplicate')
      return this.enough(flow, result, replicas, confirmation);
    return result;
  }

  #settled(flow: FlowName, { verdict, record }: Reply<SettleVerdict>, sent: Sent): SettleResult<T, M> {
    if (!record || verdict === 'not_found') return { verdict: 'not_found', record: undefined };
    return { verdict, record: this.record(flow, record, verdict === 'applied' ? sent : undefined) };
  }
}
