import {
  checkAttempts,
  checkFence,
  checkLease,
  checkMinFresh,
  checkTimeout,
  reuseOf,
  type Settings,
} from '../broker/settings.js';
import type { CreatePlan } from '../broker/verbs.js';
import type { SettleOptions } from '../contract/scripts.js';
import { FlowInvalidArgumentError, type FlowName } from '../errors.js';
import type { CallerLimits } from '../features/run/local-run.js';
import type { RunPlan } from '../features/run/plan.js';
import { knownOptions, MAX_MS, oneOf, signalOrNone, wholeNumber } from '../options.js';
import type { FollowOptions } from '../waiters/follow.js';
import type { CreateCallOptions, RunCallOptions, SettleCallOptions, WaitCallOptions } from './calls.js';

const CREATE = ['metadata', 'timeoutMs', 'conflict', 'reuse', 'minFreshMs', 'rejectFence'];
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
];

export function createPlan<M>(
  settings: Settings,
  flow: FlowName,
  options: CreateCallOptions<M> | undefined,
  request: string,
): CreatePlan {
  knownOptions('the options of create', options, CREATE);
  const { metadata, timeoutMs, conflict, reuse, minFreshMs, rejectFence } = options ?? {};
  return {
    request,
    timeoutMs: checkTimeout(timeoutMs, settings.timeoutMs),
    metadata: settings.payloads.encode(flow, 'metadata', metadata),
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

export function runPlan<M>(
  settings: Settings,
  flow: FlowName,
  options: RunCallOptions<M> = {},
): { readonly plan: RunPlan; readonly limits: CallerLimits } {
  knownOptions('the options of run', options, RUN);
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
  return { plan, limits: { signal: options.signal, waitMs: limitOrNone('waitMs', options.waitMs) } };
}

export function waitLimits(verb: 'wait' | 'open', options: WaitCallOptions = {}): FollowOptions {
  knownOptions(`the options of ${verb}`, options, ['signal', 'timeoutMs']);
  signalOrNone(options.signal);
  return {
    signal: options.signal,
    timeoutMs: limitOrNone(verb === 'open' ? 'waitMs' : 'timeoutMs', options.timeoutMs),
  };
}

export function settleOptions(options: SettleCallOptions = {}): SettleOptions {
  knownOptions('the options of settling', options, ['fence', 'retentionMs', 'replace']);
  const { replace, retentionMs } = options;
  const fence = checkFence('fence', options.fence);
  if (replace !== undefined && typeof replace !== 'boolean')
    throw new FlowInvalidArgumentError('replace must be true or false');
  if (replace && fence === undefined)
    throw new FlowInvalidArgumentError('replace needs fence: the state that it replaces');
  return { fence, retentionMs: limitOrNone('retentionMs', retentionMs), replace: replace ? 1 : undefined };
}

function limitOrNone(name: string, value: unknown): number | undefined {
  return value === undefined ? undefined : wholeNumber(name, value, 0, 1, MAX_MS);
}
