import { errorInfoOf } from '../contract/error-info.js';
import { checkId } from '../contract/keys.js';
import { STATUSES, type FlowStatus, type SettleStatus } from '../contract/status.js';
import { FlowInvalidArgumentError, type FlowName } from '../errors.js';
import type { FlowRecord, Sent } from '../broker/record.js';
import type { Settings } from '../broker/settings.js';
import type { CreatePlan } from '../broker/plans.js';
import { list } from '../features/list.js';
import { freshUntilOf } from '../features/run/commit.js';
import type { RunResult } from '../features/run/caller.js';
import type { RunHandler } from '../features/run/plan.js';
import { open, wait } from '../features/wait.js';
import { superseded } from '../waiters/ending.js';
import { knownOptions, oneOf } from '../options.js';
import { Answers } from './answers.js';
import {
  confirmationOf,
  createPlan,
  deleteOptions,
  openOptions,
  runPlan,
  settleOptions,
  waitLimits,
} from './call-options.js';
import type {
  CreateCallOptions,
  CreateResult,
  DeleteCallOptions,
  DeleteResult,
  ListCallOptions,
  OpenCallOptions,
  OpenResult,
  RunCallOptions,
  SettleCallOptions,
  SettleResult,
  WaitCallOptions,
} from './calls.js';
import type { Foundation } from './foundation.js';

/**
 * The flows of one type: `T` is the type of their results, `M` of their metadata. Made by `broker.define`. Every method checks its
 * arguments first (`ERR_FLOW_INVALID_ARGUMENT`, nothing sent), and rejects with `ERR_FLOW_UNAVAILABLE` when Redis does not answer
 * within `commandTimeoutMs`, `ERR_FLOW_RECORD` when something else stands under the flow's key, and `ERR_FLOW_CLOSED` after `close`.
 */
export class Flows<T = unknown, M = unknown> {
  readonly type: string;
  readonly #base: Foundation;
  readonly #settings: Settings;
  readonly #answers: Answers<T, M>;

  /** @internal */
  constructor(base: Foundation, settings: Settings) {
    this.type = settings.type;
    this.#base = base;
    this.#settings = settings;
    this.#answers = new Answers(base, settings);
  }

  /**
   * Makes sure that the flow stands, and says whether it was there: `created`, `joined` (pending already), or `settled` (it had
   * ended in a way that `reuse` hands back). Stored before it resolves; one round trip; subscribes to nothing. With `minReplicas` one
   * more: rejects with `ERR_FLOW_UNDER_REPLICATED` if fewer replicas confirm it within `replicaTimeoutMs`; the flow stands all the same.
   *
   * @example
   * const { verdict, record } = await logins.create(state, { metadata: { verifier } });
   */
  async create(id: string, options?: CreateCallOptions<M>): Promise<CreateResult<T, M>> {
    const flow = this.#flow(id);
    const { verbs } = this.#base.core;
    const plan = this.#plan(flow, options);
    const confirmation = confirmationOf(options);
    if (!confirmation) return this.#answers.created(flow, await verbs.create(flow, plan));
    const { reply, replicas } = await verbs.confirmed(flow, confirmation, (line) =>
      verbs.create(flow, plan, line),
    );
    return this.#answers.enough(flow, await this.#answers.created(flow, reply), replicas, confirmation);
  }

  /**
   * Waits until the flow ends: resolves with its result, rejects with the error that says how it ended otherwise
   * (`ERR_FLOW_FAILED`, `CANCELED`, `TIMED_OUT`, `OWNER_LOST`, `SUPERSEDED`, `DELETED`), at once with `ERR_FLOW_NOT_FOUND` if there is none.
   * Woken by Redis; a lost connection prolongs nothing and loses nothing, the wait goes on. `timeoutMs` (ms, default none) ends this wait alone
   * with `ERR_FLOW_WAIT_TIMEOUT`, an abort with the signal's reason.
   *
   * @example
   * const tokens = await logins.wait(state, { signal: request.signal });
   */
  wait(id: string, options?: WaitCallOptions): Promise<T> {
    // Not async: a suspended function holds more memory than the wait itself.
    try {
      return wait(this.#base.core, this.#settings, this.#flow(id), waitLimits(options)) as Promise<T>;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * `create` and `wait` in one round trip: when it resolves, the flow is durable and this process listens. `outcome` then settles as
   * `wait` would; nobody need await it. `signal` and `waitMs` end this wait alone, never the flow, whose limit is `timeoutMs`.
   *
   * @example
   * const { outcome } = await approvals.open(orderId);
   * await mail(orderId);
   * const approval = await outcome;
   */
  async open(id: string, options?: OpenCallOptions<M>): Promise<OpenResult<T, M>> {
    const flow = this.#flow(id);
    const { create, limits } = openOptions(options);
    const { reply, outcome, stop } = open(
      this.#base.core,
      this.#settings,
      flow,
      this.#plan(flow, create),
      limits,
    );
    const answered = await reply;
    if (answered.verdict === 'superseded') stop(superseded(flow));
    const { verdict, record } = await this.#answers.created(flow, answered);
    return { verdict, record, outcome: outcome as Promise<T> };
  }

  /**
   * Completes the flow, once, and wakes everybody who waits for it. The verdict says what came of it: `applied`, `duplicate`
   * (this very request had done it), `late` (the deadline was first), `already_settled`, `superseded` (`fence` is not the
   * record's), `not_found`. Rejects with `ERR_FLOW_CODEC` or `ERR_FLOW_PAYLOAD_TOO_LARGE` before anything is sent.
   *
   * @example
   * const { verdict, record } = await logins.complete(state, tokens);
   */
  complete(id: string, result: T, options?: SettleCallOptions): Promise<SettleResult<T, M>> {
    // Not async: that would take one more promise, and three more turns, to hand on the one that is there.
    try {
      const flow = this.#flow(id);
      const payload = this.#settings.payloads.encode(flow, 'result', result);
      const freshUntil = freshUntilOf(this.#settings, flow, result);
      return this.#settle(flow, 'COMPLETED', payload, { result }, options, freshUntil);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Fails the flow: waiters reject with `ERR_FLOW_FAILED`, whose `cause` has the error's name, message, code and data. Verdicts as `complete`. */
  async fail(id: string, error: unknown, options?: SettleCallOptions): Promise<SettleResult<T, M>> {
    return this.#settleWithError(id, 'FAILED', error, options);
  }

  /** Cancels the flow: waiters reject with `ERR_FLOW_CANCELED`, a handler that runs is told by its signal. Verdicts as `complete`. */
  async cancel(
    id: string,
    reason: unknown = 'canceled',
    options?: SettleCallOptions,
  ): Promise<SettleResult<T, M>> {
    return this.#settleWithError(id, 'CANCELED', reason, options);
  }

  /**
   * Single-flight: of all callers in all processes one runs the handler, all get its result. Callers here share one attempt; elsewhere
   * they wait and are woken. If the owner's process dies, one that waits takes over when the lease ends (`leaseMs`), up to `maxAttempts`.
   * A result that was stored before is handed back while it is fresh; never the one with `rejectFence`.
   *
   * Resolves only with a value that Redis holds. Rejects as `wait` does; with `ERR_FLOW_UNAVAILABLE` when Redis cannot be reached (or runs the
   * handler uncoordinated, with `onUnavailable: 'run'`). An abort or `waitMs` ends this call alone; when the last local caller has
   * left, the handler's signal aborts and the flow is free for others at once. The first local caller's handler and options count;
   * `onJoin` shows each of the others what it joins, and lets it refuse.
   *
   * @example
   * const tokens = await refreshes.run(userId, ({ signal }) => redeem(refreshToken, signal), { maxAttempts: 1 });
   */
  async run(id: string, handler: RunHandler<T>, options?: RunCallOptions<M, T>): Promise<T> {
    return (await this.runFenced(id, handler, options)).result;
  }

  /** `run`, with the fence of the result: what to give as `rejectFence` when a server refuses it. */
  async runFenced(id: string, handler: RunHandler<T>, options?: RunCallOptions<M, T>): Promise<RunResult<T>> {
    const flow = this.#flow(id);
    if (typeof handler !== 'function') throw new FlowInvalidArgumentError('handler must be a function');
    const { plan, limits } = runPlan(this.#settings, flow, options);
    return this.#base.runs.run(flow, plan, handler, limits);
  }

  /** The record as it stands, or undefined. A flow past its deadline reads as TIMED_OUT. */
  async get(id: string): Promise<FlowRecord<T, M> | undefined> {
    const flow = this.#flow(id);
    const { record } = await this.#base.core.verbs.read(flow);
    return record && this.#answers.record(flow, record);
  }

  /** Takes the flow away; who waits for it rejects with `ERR_FLOW_DELETED`. With `fence` or `statuses` only if they match (`mismatch`). */
  async delete(id: string, options?: DeleteCallOptions): Promise<DeleteResult<T, M>> {
    const flow = this.#flow(id);
    const { verdict, record } = await this.#base.core.verbs.delete(flow, deleteOptions(options));
    const shown = record && this.#answers.record(flow, record);
    if (verdict === 'mismatch' && shown) return { verdict, record: shown };
    return verdict === 'deleted' ? { verdict, record: shown } : { verdict: 'not_found', record: undefined };
  }

  /**
   * Walks all flows of this type, in no order. It scans the whole keyspace (O(keys in the database)): for operators and tests, not for
   * hot paths. A flow that is created or ends meanwhile may or may not show.
   */
  list(options?: ListCallOptions): AsyncGenerator<FlowRecord<T, M>, void, undefined> {
    knownOptions('the options of list', options, ['status']);
    const status =
      options?.status === undefined
        ? undefined
        : oneOf<FlowStatus>('status', options.status, 'PENDING', STATUSES);
    this.#base.check();
    return list<T, M>(this.#base.core, this.#base.topology, this.#base.prefix, this.#settings, status);
  }

  #flow(id: unknown): FlowName {
    const flow = { type: this.type, id: checkId(this.type, id) };
    this.#base.check(flow);
    return flow;
  }

  #plan(flow: FlowName, options: CreateCallOptions<M> | undefined): CreatePlan {
    return createPlan(this.#settings, flow, options, this.#base.core.verbs.request());
  }

  async #settleWithError(
    id: string,
    status: 'FAILED' | 'CANCELED',
    thrown: unknown,
    options?: SettleCallOptions,
  ): Promise<SettleResult<T, M>> {
    const flow = this.#flow(id);
    const error = errorInfoOf(thrown);
    const payload = this.#settings.payloads.encode(flow, 'error', error);
    return this.#settle(flow, status, payload, { error }, options);
  }

  #settle(
    flow: FlowName,
    status: SettleStatus,
    payload: string | Buffer,
    sent: Sent,
    given?: SettleCallOptions,
    freshUntil?: number,
  ): Promise<SettleResult<T, M>> {
    const options = settleOptions(given, freshUntil);
    const plan = { request: this.#base.core.verbs.request(), status, payload, options };
    return this.#answers.settle(flow, plan, sent, confirmationOf(given));
  }
}
