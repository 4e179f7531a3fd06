import { Broker, createBroker } from '../../api/broker.js';
import type { Codec } from '../../contract/codec.js';
import { FlowInvalidArgumentError } from '../../errors.js';
import { expiryOf } from './expiry.js';
import { plainJson } from './plain-json.js';
import {
  knownOptions,
  MAX_MS,
  wholeNumber,
  type BrokerOptions,
  type FlowLogger,
  type FlowOptions,
} from '../../options.js';

/** A logger whose methods take the message first, as winston's do. */
export interface MessageLogger {
  debug(message: string, details?: object): unknown;
  info(message: string, details?: object): unknown;
  warn(message: string, details?: object): unknown;
  error(message: string, details?: object): unknown;
}

/** Options of {@link FlowStateManager}. Times are milliseconds. */
export interface FlowManagerOptions {
  /** How long a flow's outcome stays; also the most that a flow may be pending. Default 180,000. */
  readonly ttl?: number | undefined;
  /** How long a flow may be pending, counted from its creation. Default: `ttl`. */
  readonly monitorTimeout?: number | undefined;
  /** Types whose failures stay readable for the rest of their `ttl`. Failures of other types are gone once seen. */
  readonly retainedFailureTypes?: readonly string[] | undefined;
  /** Taken and not needed: no signal handlers are installed. */
  readonly ci?: boolean | undefined;
  /** Winston's shape; gets what the broker logs too, if the manager opens it. */
  readonly logger?: MessageLogger | undefined;
  /** How long a process that runs a handler may be silent before another takes over. Default 15,000. */
  readonly leaseMs?: number | undefined;
  /** How many processes may run a handler one after another, each because the one before died. Default: no limit. */
  readonly maxAttempts?: number | undefined;
  /** How results, metadata and errors become bytes, `sealedCodec` for one. Default: plain JSON, as Keyv's. */
  readonly codec?: Codec | undefined;
}

export interface ManagerSettings extends Pick<FlowManagerOptions, 'leaseMs' | 'maxAttempts' | 'codec'> {
  readonly ttl: number;
  readonly pendingMs: number;
  readonly retained: ReadonlySet<string>;
  readonly logger: MessageLogger | undefined;
}

const NAMES = [
  'ttl',
  'monitorTimeout',
  'retainedFailureTypes',
  'ci',
  'logger',
  'leaseMs',
  'maxAttempts',
  'codec',
];
const TTL_MS = 180_000;
/** How long a flow that is gone for every caller stays for a waiter that was cut off, and has to learn how it ended. */
export const LATE_MS = 60_000;

/** How the flows of a type are kept. */
export function flowOptions<T>(settings: ManagerSettings, type: string): FlowOptions<T> {
  const { ttl, pendingMs, leaseMs, maxAttempts, codec = plainJson } = settings;
  return {
    timeoutMs: pendingMs,
    retentionMs: { completed: ttl, failed: ttl, canceled: ttl, timedOut: Math.max(ttl - pendingMs, LATE_MS) },
    reuse: settings.retained.has(type) ? ['COMPLETED', 'FAILED', 'CANCELED', 'TIMED_OUT'] : ['COMPLETED'],
    freshUntil: expiryOf,
    leaseMs,
    maxAttempts,
    codec,
  };
}

export function managerSettings(given: FlowManagerOptions = {}): ManagerSettings {
  knownOptions('the options of FlowStateManager', given, NAMES);
  const { retainedFailureTypes = [], logger, leaseMs, maxAttempts, codec } = given;
  const ttl = wholeNumber('ttl', given.ttl, TTL_MS, 1, MAX_MS);
  const monitorTimeout = wholeNumber('monitorTimeout', given.monitorTimeout, ttl, 1, MAX_MS);
  if (!Array.isArray(retainedFailureTypes))
    throw new FlowInvalidArgumentError('retainedFailureTypes must be an array of types');
  return {
    ttl,
    pendingMs: Math.min(monitorTimeout, ttl),
    retained: new Set(retainedFailureTypes),
    logger: checkLogger(logger),
    leaseMs,
    maxAttempts,
    codec,
  };
}

/** The broker to work on, and whether it is the manager's own to close. */
export function brokerOf(
  given: Broker | BrokerOptions['redis'],
  logger: MessageLogger | undefined,
): { readonly broker: Broker; readonly owned: boolean } {
  if (isBroker(given)) return { broker: given, owned: false };
  const methods = Object(given) as Record<string, unknown>;
  if (typeof methods['set'] === 'function' && typeof methods['duplicate'] !== 'function')
    throw new FlowInvalidArgumentError(
      'FlowStateManager needs a broker, an ioredis Redis, its options or a URL; it was given a store, such as Keyv',
    );
  return { broker: createBroker({ redis: given, logger: logger && objectFirst(logger) }), owned: true };
}

// Not by class alone: an application may load the package as ESM and as CommonJS.
function isBroker(given: unknown): given is Broker {
  if (given instanceof Broker) return true;
  const { define, lease, close } = Object(given) as Record<string, unknown>;
  return [define, lease, close].every((method) => typeof method === 'function');
}

function objectFirst(logger: MessageLogger): FlowLogger {
  const told =
    (level: keyof MessageLogger, bindings: object) =>
    (details: object, message: string): void => {
      logger[level](message, { ...bindings, ...details });
    };
  const child = (bindings: object): FlowLogger => ({
    child: (more) => child({ ...bindings, ...more }),
    debug: told('debug', bindings),
    info: told('info', bindings),
    warn: told('warn', bindings),
    error: told('error', bindings),
  });
  return child({});
}

function checkLogger(logger: MessageLogger | undefined): MessageLogger | undefined {
  if (logger === undefined) return undefined;
  const methods = Object(logger) as Record<string, unknown>;
  if (['debug', 'info', 'warn', 'error'].every((name) => typeof methods[name] === 'function')) return logger;
  throw new FlowInvalidArgumentError('logger must have the methods debug, info, warn and error');
}
