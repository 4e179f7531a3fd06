import {
  checkAttempts,
  checkFence,
  checkLease,
  checkMinFresh,
  checkTimeout,
  reuseOf,
  statusList,
  type Settings,
} from '../broker/settings.js';
import { flowRecord } from '../broker/record.js';
import type { CreatePlan } from '../broker/plans.js';
import type { DeleteOptions, SettleOptions } from '../contract/scripts.js';
import { STATUSES } from '../contract/status.js';
import { FlowInvalidArgumentError, type FlowName } from '../errors.js';
import type { CallerLimits } from '../features/run/caller.js';
import type { RunPlan } from '../features/run/plan.js';
import {
  DEFAULTS,
  functionOrNone,
  knownOptions,
  MAX_MS,
  oneOf,
  signalOrNone,
  wholeNumber,
} from '../options.js';
import type { Confirmation } from '../redis/confirmed.js';
import type { WaitOptions } from '../waiters/wait.js';
import type {
  ConfirmOptions,
  CreateCallOptions,
  DeleteCallOptions,
  OpenCallOptions,
  RunCallOptions,
  SettleCallOptions,
  WaitCallOptions,
} from './calls.js';

const CREATE = ['metadata', 'timeoutMs', 'conflict', 'reuse', 'minFreshMs', 'rejectFence'];
const CONFIRM = ['minReplicas', 'replicaTimeoutMs'];
const RUN = [
  'signal',
  'waitMs',
  'metadata',
  'timeoutMs',
  'leaseMs',
  'maxAttempts',
  'minFreshMs',
  'rejectFence',
  'onUnavailable',
  'onJoin',
];

export function createPlan<M>(
  settings: Settings,
  flow: FlowName,
  options: CreateCallOptions<M> | undefined,
  request: string,
): CreatePlan {
  const encoded = settings.payloads.encode(flow, 'metadata', options?.metadata);
  if (options === undefined) {
    return { request, timeoutMs: settings.timeoutMs, metadata: encoded, options: settings.createOptions };
  }
  knownOptions('the options of create', options, [...CREATE, ...CONFIRM]);
  const { timeoutMs, conflict, reuse, minFreshMs, rejectFence } = options;
  return {
    request,
    timeoutMs: checkTimeout(timeoutMs, settings.timeoutMs),
    metadata: encoded,
    options: {
      retention: settings.retention,
      conflict:
        oneOf('conflict', conflict, 'join', ['join', 'supersede']) === 'supersede' ? 'supersede' : undefined,
      reuse: reuse === undefined ? settings.reuse : reuseOf(reuse),
      minFreshMs: checkMinFresh(minFreshMs, settings.minFreshMs) || undefined,
      rejectFence: checkFence('rejectFence', rejectFence),
    },
  };
}

export function runPlan<M, T>(
  settings: Settings,
  flow: FlowName,
  options: RunCallOptions<M, T> = {},
): { readonly plan: RunPlan; readonly limits: CallerLimits } {
  knownOptions('the options of run', options, RUN);
  functionOrNone('onJoin', (options as { readonly onJoin?: unknown }).onJoin);
  signalOrNone(options.signal);
  const plan = {
    settings,
    metadata: settings.payloads.encode(flow, 'metadata', options.metadata),
    timeoutMs: checkTimeout(options.timeoutMs, settings.timeoutMs),
    leaseMs: checkLease(options.leaseMs, settings.leaseMs),
    maxAttempts: checkAttempts(options.maxAttempts, settings.maxAttempts),
    minFreshMs: checkMinFresh(options.minFreshMs, settings.minFreshMs),
    rejectFence: checkFence('rejectFence', options.rejectFence),
    runUncoordinated: oneOf('onUnavailable', options.onUnavailable, 'throw', ['throw', 'run']) === 'run',
  };
  const limits: CallerLimits = {
    signal: options.signal,
    waitMs: limitOrNone('waitMs', options.waitMs),
    onJoin:
      options.onJoin &&
      ((verdict, stored) => {
        options.onJoin?.({ verdict, record: flowRecord<T, M>(flow, stored, settings.payloads) });
      }),
  };
  return { plan, limits };
}

export function deleteOptions(options: DeleteCallOptions | undefined): DeleteOptions {
  knownOptions('the options of delete', options, ['fence', 'statuses']);
  const { fence, statuses } = options ?? {};
  return {
    fence: checkFence('fence', fence),
    statuses: statuses === undefined ? undefined : statusList('statuses', statuses, STATUSES),
  };
}

/** What `open` takes is partly for create and partly for the wait. */
export function openOptions<M>(options: OpenCallOptions<M> | undefined): {
  readonly create: CreateCallOptions<M> | undefined;
  readonly limits: WaitOptions;
} {
  if (options === undefined) return { create: undefined, limits: NO_LIMITS };
  knownOptions('the options of open', options, [...CREATE, 'signal', 'waitMs']);
  const { signal, waitMs, ...create } = options;
  signalOrNone(signal);
  return { create, limits: { signal, timeoutMs: limitOrNone('waitMs', waitMs) } };
}

export function waitLimits(options: WaitCallOptions | undefined): WaitOptions {
  if (options === undefined) return NO_LIMITS;
  knownOptions('the options of wait', options, ['signal', 'timeoutMs']);
  signalOrNone(options.signal);
  return { signal: options.signal, timeoutMs: limitOrNone('timeoutMs', options.timeoutMs) };
}

const NO_LIMITS: WaitOptions = {};

const NO_SETTLE_OPTIONS: SettleOptions = {};

export function settleOptions(
  options: SettleCallOptions | undefined,
  freshUntil: number | undefined,
): SettleOptions {
  if (options === undefined) return freshUntil === undefined ? NO_SETTLE_OPTIONS : { freshUntil };
  knownOptions('the options of settling', options, ['fence', 'retentionMs', 'replace', ...CONFIRM]);
  const { replace, retentionMs } = options;
  const fence = checkFence('fence', options.fence);
  if (replace !== undefined && typeof replace !== 'boolean')
    throw new FlowInvalidArgumentError('replace must be true or false');
  if (replace && fence === undefined)
    throw new FlowInvalidArgumentError('replace needs fence: the state that it replaces');
  return {
    fence,
    retentionMs: limitOrNone('retentionMs', retentionMs),
    replace: replace ? 1 : undefined,
    freshUntil,
  };
}

/** Undefined where the caller does not ask for replicas. */
export function confirmationOf(options: ConfirmOptions | undefined): Confirmation | undefined {
  if (options?.minReplicas === undefined && options?.replicaTimeoutMs === undefined) return undefined;
  if (options.minReplicas === undefined)
    throw new FlowInvalidArgumentError('replicaTimeoutMs needs minReplicas: how many replicas to wait for');
  return {
    minReplicas: wholeNumber('minReplicas', options.minReplicas, 1, 1, MOST_REPLICAS),
    replicaTimeoutMs: wholeNumber(
      'replicaTimeoutMs',
      options.replicaTimeoutMs,
      DEFAULTS.call.replicaTimeoutMs,
      1,
      MOST_REPLICA_MS,
    ),
  };
}

const MOST_REPLICAS = 100;
const MOST_REPLICA_MS = 60_000;

function limitOrNone(name: string, value: unknown): number | undefined {
  return value === undefined ? undefined : wholeNumber(name, value, 0, 1, MAX_MS);
}
