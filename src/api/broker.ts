import { randomBytes } from 'node:crypto';
import { Telemetry, type BrokerStats } from '../broker/telemetry.js';
import { settingsOf } from '../broker/settings.js';
import { LeaseVerbs } from '../broker/lease-verbs.js';
import { Verbs } from '../broker/verbs.js';
import { heartbeatChannelOf, isLease } from '../contract/keys.js';
import { FlowClosedError } from '../errors.js';
import { readFollowed } from '../features/generation-lease/follow.js';
import { Leases } from '../features/generation-lease/leases.js';
import { Runs } from '../features/run/runs.js';
import { knownOptions, MAX_MS, wholeNumber, type BrokerOptions, type FlowOptions } from '../options.js';
import { openTopology } from '../redis/open-topology.js';
import type { Topology } from '../redis/topology.js';
import type { Core } from '../waiters/core.js';
import { WakePath } from '../waiters/wake-path.js';
import { brokerSettings } from './broker-settings.js';
import { Flows } from './flows.js';
import type { Foundation } from './foundation.js';
import { GenerationLease } from './lease.js';

/**
 * A broker over one Redis: define flow types on it, close it when done. Opens its connections at once, listens only once
 * something waits. A server that cannot be reached shows in the calls (`ERR_FLOW_UNAVAILABLE`), not here; wrong options throw
 * `ERR_FLOW_INVALID_ARGUMENT` here.
 *
 * @example
 * const broker = createBroker({ redis: 'redis://localhost:6379' });
 * const logins = broker.define<Tokens>('mcp_oauth', { timeoutMs: 600_000 });
 */
export function createBroker(options: BrokerOptions): Broker {
  return new Broker(options);
}

/** See {@link createBroker}. */
export class Broker {
  /** Names this broker in keys' owners, logs and diagnostics. */
  readonly id = randomBytes(6).toString('hex');
  readonly #topology: Topology;
  readonly #wakePath: WakePath;
  readonly #runs: Runs;
  readonly #leases: Leases;
  readonly #telemetry: Telemetry;
  readonly #base: Foundation;
  #closing: Promise<void> | undefined;

  /** @internal */
  constructor(options: BrokerOptions) {
    const settings = brokerSettings(options);
    const { prefix, commandTimeoutMs, inlineBytes } = settings;
    const logger = settings.logger?.child({ broker: this.id });
    const connectionLog = logger?.child({ component: 'redis' });

    this.#topology = openTopology(settings.redis, {
      commandTimeoutMs,
      connectTimeoutMs: settings.connectTimeoutMs,
      beatChannel: heartbeatChannelOf(prefix, this.id),
      onError: (error) => connectionLog?.warn({ reason: error.message }, 'a connection to Redis failed'),
    });
    this.#telemetry = new Telemetry(this.id);
    const verbs = new Verbs(
      this.#topology,
      {
        brokerId: this.id,
        prefix,
        inlineBytes,
        commandTimeoutMs,
        aheadFor: (channel) => this.#wakePath.aheadFor(channel),
        timers: () => settings.notifications === 'configure' || this.#wakePath.hints,
      },
      this.#telemetry,
    );
    const leaseVerbs = new LeaseVerbs(this.#topology, { prefix });
    this.#wakePath = new WakePath({
      pollMs: settings.pollMs,
      rereadMs: settings.rereadMs,
      heartbeatMs: settings.heartbeatMs,
      notifications: settings.notifications,
      topology: this.#topology,
      telemetry: this.#telemetry,
      logger: logger?.child({ component: 'waiters' }),
      read: (flow) => (isLease(flow) ? readFollowed(leaseVerbs, flow) : verbs.read(flow)),
      channelOf: (flow) => verbs.record(flow),
      hintChannelOf: (flow) => verbs.hintChannel(flow),
    });
    const core: Core = {
      brokerId: this.id,
      verbs,
      waiters: this.#wakePath.waiters,
      telemetry: this.#telemetry,
      logger: logger?.child({ component: 'run' }),
      commandTimeoutMs,
    };
    this.#runs = new Runs(core);
    this.#leases = new Leases(core, leaseVerbs);
    this.#base = {
      core,
      runs: this.#runs,
      topology: this.#topology,
      prefix,
      check: (flow) => {
        if (this.#closing) throw new FlowClosedError('the broker is closed', { flow });
      },
    };
  }

  /**
   * The flows of one type (1 to 64 of A-Z a-z 0-9 _ . -), with results of type `T` and metadata of type `M`. Costs nothing; define a
   * type once at start, with the same options in every process.
   */
  define<T = unknown, M = unknown>(type: string, options?: FlowOptions<T>): Flows<T, M> {
    this.#base.check();
    return new Flows<T, M>(this.#base, settingsOf(type, options));
  }

  /**
   * The generation lease of this name (1 to 512 bytes): see {@link GenerationLease}. Costs nothing; the same name is the same lease in
   * every process.
   */
  lease(name: string): GenerationLease {
    this.#base.check();
    return new GenerationLease(name, this.#leases, () => {
      this.#base.check();
    });
  }

  /** Counts since the broker was created, and what there is now; see {@link BrokerStats}. */
  stats(): BrokerStats {
    const { waiters } = this.#wakePath;
    return {
      ...this.#telemetry.counts,
      waiters: waiters.count + this.#leases.waiting,
      watches: waiters.watchCount,
      subscriptions: this.#wakePath.subscriptions,
      handlers: this.#runs.handlers,
      listening: this.#wakePath.healthy,
    };
  }

  /**
   * Stops: takes no more calls, waits up to `drainMs` (default 0) for calls of `run` to end, here or elsewhere, then aborts the rest and releases their
   * flows, and the leases held here, so that others take over at once; local waits reject with `ERR_FLOW_CLOSED`, their flows go on. Closes the connections it
   * opened, not one that was borrowed. Resolves when all that is done; a second call waits for the first.
   *
   * @example
   * process.once('SIGTERM', () => void broker.close({ drainMs: 10_000 }));
   */
  close(options?: { readonly drainMs?: number }): Promise<void> {
    try {
      knownOptions('the options of close', options, ['drainMs']);
      const drainMs = wholeNumber('drainMs', options?.drainMs, 0, 0, MAX_MS);
      this.#closing ??= this.#close(drainMs);
      return this.#closing;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  async #close(drainMs: number): Promise<void> {
    await this.#runs.close(drainMs);
    await this.#leases.close(new FlowClosedError('the broker was closed'));
    this.#wakePath.close(new FlowClosedError('the broker was closed'));
    this.#topology.close();
  }

  /** `await using broker = createBroker(…)`: closes at the end of the block. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
