import type { Broker } from '../api/broker.js';
import type { Flows } from '../api/flows.js';
import type { BrokerOptions } from '../options.js';
import type { RunHandler } from '../features/run/plan.js';
import type { GuardedResult } from './librechat/attempt.js';
import { codeOf } from './librechat/failures.js';
import { standing, stateOf, type FlowMetadata, type FlowState } from './librechat/flow-state.js';
import {
  brokerOf,
  flowOptions,
  managerSettings,
  type FlowManagerOptions,
  type ManagerSettings,
} from './librechat/options.js';
import { Settling } from './librechat/settling.js';
import { Waiting } from './librechat/waiting.js';

export { normalizeExpiresAt } from './librechat/expiry.js';
export { FlowStateNotFoundError } from './librechat/failures.js';
export type { GuardedResult } from './librechat/attempt.js';
export type { FlowMetadata, FlowState, FlowStatus } from './librechat/flow-state.js';
export type { FlowManagerOptions, MessageLogger } from './librechat/options.js';

/** A lease that is held: see {@link FlowStateManager.acquireLease}. */
export interface FlowLease {
  readonly generation: number;
  /** Gives it back and wakes who waits for it. Rejects when Redis cannot be told; it then ends by itself. */
  release(): Promise<void>;
}

/** Options of {@link FlowStateManager.acquireLease}. Times are milliseconds. */
export interface FlowLeaseOptions {
  readonly expectedGeneration?: number | undefined;
  readonly advanceGeneration?: boolean | undefined;
  /** Default 30,000. */
  readonly leaseMs?: number | undefined;
  /** Default 15,000; 0 asks once. */
  readonly waitMs?: number | undefined;
}

const STALE_AFTER_MS = 600_000;

interface OfType<T> {
  readonly flows: Flows<T, FlowMetadata>;
  readonly retained: boolean;
  readonly waiting: Waiting<T>;
  readonly settling: Settling<T>;
}

/**
 * LibreChat's `FlowStateManager`, on a broker: the same calls and the same messages, without its races and its polling. Each
 * transition is one atomic script, each waiter is woken by Redis. `docs/migrating-from-librechat.md` lists what differs, and why.
 *
 * Given a broker, it works on that and leaves it open. Given a Redis URL, ioredis options or an ioredis `Redis` (which is borrowed),
 * it makes a broker of its own, to be closed with `close()`. Calls reject with `ERR_FLOW_UNAVAILABLE` when Redis does not answer.
 *
 * @example
 * const flows = new FlowStateManager<Tokens>('redis://localhost:6379', { ttl: 180_000 });
 * const tokens = await flows.createFlowWithHandler(flowId, 'mcp_get_tokens', () => refresh(userId));
 */
export class FlowStateManager<T = unknown> {
  readonly #broker: Broker;
  readonly #owned: boolean;
  readonly #settings: ManagerSettings;
  readonly #types = new Map<string, OfType<T>>();

  constructor(brokerOrRedis: Broker | BrokerOptions['redis'], options?: FlowManagerOptions) {
    this.#settings = managerSettings(options);
    const { broker, owned } = brokerOf(brokerOrRedis, this.#settings.logger);
    this.#broker = broker;
    this.#owned = owned;
  }

  /** Stores a PENDING flow in place of whatever stands. Who waited for what it replaces waits for this one. */
  async initFlow(flowId: string, type: string, metadata: FlowMetadata = {}): Promise<void> {
    try {
      await this.#of(type).flows.create(flowId, { metadata, conflict: 'supersede' });
    } catch (error) {
      // Stored, and replaced by somebody else before this call's repetition was answered.
      if (codeOf(error) !== 'ERR_FLOW_SUPERSEDED') throw error;
    }
  }

  /**
   * Joins the flow, or creates it, and waits for its end: resolves with the result, also with undefined; rejects with an Error that has
   * the stored message, `<type> flow failed` if there is none, `<type> flow timed out`, or `<type> flow aborted`; with
   * {@link FlowStateNotFoundError} when the flow vanishes; with `<type> flow not found` where none stands and `createIfMissing` is false.
   * An abort ends this call alone; if it was the one that created the flow, the flow is taken down too.
   */
  async createFlow(
    flowId: string,
    type: string,
    metadata: FlowMetadata = {},
    signal?: AbortSignal,
    createIfMissing = true,
  ): Promise<T> {
    return this.#of(type).waiting.create(flowId, metadata, signal, createIfMissing);
  }

  /**
   * One run of `handler` for all callers in all processes; the others get its outcome. A stored result is served until its `expires_at`
   * (seconds or milliseconds) has passed; a pending flow is joined; a stored failure is served if its type is retained, else replaced. A
   * result that somebody else stores meanwhile wins over what the handler comes to. An abort ends this call alone: the handler
   * goes on, for whoever else wants its result. If the flow is deleted meanwhile, the caller whose handler ran gets what it came to.
   */
  async createFlowWithHandler(
    flowId: string,
    type: string,
    handler: RunHandler<T>,
    signal?: AbortSignal,
  ): Promise<T> {
    return this.#of(type).waiting.run(flowId, handler, signal);
  }

  /** Completes the flow, over a failure too. False if there is none; true, and nothing changed, if it is completed. */
  async completeFlow(flowId: string, type: string, result: T): Promise<boolean> {
    const done = await this.#of(type).settling.settle(flowId, { result });
    if (!done) this.#settings.logger?.warn('a flow to complete was not found', { flowId, type });
    return done;
  }

  /** Fails the flow, over an earlier failure too. False if there is none; true, and nothing changed, if it is completed. */
  async failFlow(flowId: string, type: string, error: Error | string): Promise<boolean> {
    return this.#of(type).settling.settle(flowId, { error });
  }

  /** The flow as it stands, or undefined. */
  async getFlowState(flowId: string, type: string): Promise<FlowState<T> | null | undefined> {
    const { flows, retained } = this.#of(type);
    const record = standing<T>(await flows.get(flowId), retained);
    return record && stateOf(record);
  }

  /** How long ago the flow ended, and whether that is longer than the threshold (ms). A pending flow is never stale. */
  async isFlowStale(
    flowId: string,
    type: string,
    staleThresholdMs = STALE_AFTER_MS,
  ): Promise<{ isStale: boolean; age: number; status?: string }> {
    const state = await this.getFlowState(flowId, type);
    if (!state) return { isStale: false, age: 0 };
    const { status, completedAt, failedAt, createdAt } = state;
    if (status === 'PENDING') return { isStale: false, age: 0, status };
    const age = Math.max(0, Date.now() - (completedAt ?? failedAt ?? createdAt));
    return { isStale: age > staleThresholdMs, age, status };
  }

  /** Deletes the flow, if there is one. False if Redis could not be asked; who waits for it is told. */
  async deleteFlow(flowId: string, type: string): Promise<boolean> {
    const { flows } = this.#of(type);
    try {
      await flows.delete(flowId);
      return true;
    } catch (error) {
      if (codeOf(error) === 'ERR_FLOW_INVALID_ARGUMENT') throw error;
      this.#settings.logger?.error('a flow could not be deleted', { flowId, type, code: codeOf(error) });
      return false;
    }
  }

  /** Completes this attempt at the flow, if it is pending. */
  async completeFlowIfCurrent(
    flowId: string,
    type: string,
    expectedCreatedAt: number,
    expectedState: string,
    result: T,
  ): Promise<GuardedResult> {
    const attempt = { createdAt: expectedCreatedAt, state: expectedState };
    return this.#of(type).settling.settleIf(flowId, attempt, ['PENDING'], { result });
  }

  /** Fails this attempt at the flow, unless it is completed. */
  async failFlowIfCurrent(
    flowId: string,
    type: string,
    expectedCreatedAt: number,
    expectedState: string,
    error: Error | string,
  ): Promise<GuardedResult> {
    const attempt = { createdAt: expectedCreatedAt, state: expectedState };
    return this.#of(type).settling.settleIf(flowId, attempt, ['PENDING', 'FAILED'], { error });
  }

  /** Completes this attempt at the flow, however it stands. */
  async settleFlowIfCurrent(
    flowId: string,
    type: string,
    expectedCreatedAt: number,
    expectedState: string,
    result: T,
  ): Promise<GuardedResult> {
    const attempt = { createdAt: expectedCreatedAt, state: expectedState };
    return this.#of(type).settling.settleIf(flowId, attempt, ['PENDING', 'COMPLETED', 'FAILED'], { result });
  }

  /** Deletes this attempt at the flow, however it stands. */
  async deleteFlowIfCurrent(
    flowId: string,
    type: string,
    expectedCreatedAt: number,
    expectedState = '',
  ): Promise<GuardedResult> {
    const attempt = { createdAt: expectedCreatedAt, state: expectedState };
    return this.#of(type).settling.deleteIf(flowId, attempt);
  }

  /** The lease's generation: 0 until somebody advances it; null while one who did holds it. */
  async getLeaseGeneration(leaseId: string): Promise<number | null> {
    return this.#broker.lease(leaseId).generation();
  }

  /**
   * One holder at a time. Null if the generation is not the expected one, or if another holds it for longer than `waitMs`. The wait is
   * woken when the lease is free. See `broker.lease` for the same with a fence and a signal.
   */
  async acquireLease(leaseId: string, options?: FlowLeaseOptions): Promise<FlowLease | null> {
    const hold = await this.#broker.lease(leaseId).acquire(options);
    if (!hold) return null;
    return {
      generation: hold.generation,
      release: async () => {
        await hold.release();
      },
    };
  }

  /** Closes the broker that this manager made; one that it was given stays open. See `broker.close`. */
  async close(options?: { readonly drainMs?: number }): Promise<void> {
    if (this.#owned) await this.#broker.close(options);
  }

  #of(type: string): OfType<T> {
    let found = this.#types.get(type);
    if (!found) {
      const flows = this.#broker.define<T, FlowMetadata>(type, flowOptions<T>(this.#settings, type));
      const retained = this.#settings.retained.has(type);
      found = {
        flows,
        retained,
        waiting: new Waiting(flows, retained),
        settling: new Settling(flows, retained),
      };
      this.#types.set(type, found);
    }
    return found;
  }
}
