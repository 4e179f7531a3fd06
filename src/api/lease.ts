import { leaseName } from '../contract/keys.js';
import { FlowInvalidArgumentError, type FlowName } from '../errors.js';
import type { LeaseHold } from '../features/generation-lease/hold.js';
import type { LeasePlan, Leases } from '../features/generation-lease/leases.js';
import { DEFAULTS, knownOptions, MAX_MS, signalOrNone, wholeNumber } from '../options.js';

/** Options of one `acquire`. Times are milliseconds. */
export interface AcquireCallOptions {
  /** Take the lease only while its generation is this one; else `null`. Default: whatever it is. */
  readonly expectedGeneration?: number | undefined;
  /** Let the generation grow by one: whoever expects an older one is refused from then on. Default false. */
  readonly advanceGeneration?: boolean | undefined;
  /** How long it is held, if it is not released before; it is not renewed. Default 30,000. */
  readonly leaseMs?: number | undefined;
  /** How long to wait while another holds it; 0 is not at all. Default 15,000. */
  readonly waitMs?: number | undefined;
  /** Ends this call alone, with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

const NAMES = ['expectedGeneration', 'advanceGeneration', 'leaseMs', 'waitMs', 'signal'];

/**
 * One holder at a time, and a *generation* that outlives the holders: work that began in one generation can be refused in the
 * next. Made by `broker.lease`. Both methods reject with `ERR_FLOW_UNAVAILABLE` when Redis does not answer, `ERR_FLOW_RECORD` when
 * something else stands under the key, and `ERR_FLOW_CLOSED` after `close`.
 *
 * @example
 * const generation = await grant.generation();                                   // before a refresh begins
 * const tokens = await refresh();
 * const hold = await grant.acquire({ expectedGeneration: generation ?? -1 });
 * if (!hold) return;                                                             // uninstalled meanwhile
 * try { await store(tokens); } finally { await hold.release(); }
 */
export class GenerationLease {
  readonly name: string;
  readonly #key: FlowName;
  readonly #leases: Leases;
  readonly #check: () => void;

  /** @internal */
  constructor(name: string, leases: Leases, check: () => void) {
    this.#key = leaseName(name);
    this.name = name;
    this.#leases = leases;
    this.#check = check;
  }

  /**
   * The generation: 0 until somebody advances it, kept for 24 hours after the last holder. Null while one who advanced it holds the
   * lease: what begins now must wait for that to end.
   */
  async generation(): Promise<number | null> {
    this.#check();
    return this.#leases.generation(this.#key);
  }

  /**
   * Takes the lease: resolves with the hold, or with null if the generation is not `expectedGeneration`, or if another still holds it after
   * `waitMs`. Waits without polling: a release wakes it, and so does the end of a lease whose holder died. An abort rejects with
   * the signal's reason and leaves nothing held.
   *
   * @example
   * const hold = await broker.lease(`grant:${userId}`).acquire({ advanceGeneration: true });
   */
  async acquire(options: AcquireCallOptions = {}): Promise<LeaseHold | null> {
    this.#check();
    return (await this.#leases.acquire(this.#key, leasePlan(options))) ?? null;
  }
}

function leasePlan(options: AcquireCallOptions): LeasePlan {
  knownOptions('the options of acquire', options, NAMES);
  signalOrNone(options.signal);
  const { advanceGeneration = false, expectedGeneration } = options;
  if (typeof advanceGeneration !== 'boolean')
    throw new FlowInvalidArgumentError('advanceGeneration must be true or false');
  const { lease } = DEFAULTS;
  return {
    advanceGeneration,
    expectedGeneration:
      expectedGeneration === undefined
        ? undefined
        : wholeNumber('expectedGeneration', expectedGeneration, 0, 0, Number.MAX_SAFE_INTEGER),
    leaseMs: wholeNumber('leaseMs', options.leaseMs, lease.leaseMs, 1, MAX_MS),
    waitMs: wholeNumber('waitMs', options.waitMs, lease.waitMs, 0, MAX_MS),
    signal: options.signal,
  };
}
