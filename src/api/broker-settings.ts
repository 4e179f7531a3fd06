import { checkPrefix } from '../contract/keys.js';
import { FlowInvalidArgumentError } from '../errors.js';
import {
  DEFAULTS,
  knownOptions,
  MAX_MS,
  oneOf,
  wholeNumber,
  type BrokerOptions,
  type FlowLogger,
} from '../options.js';

/** The options of a broker, checked and complete. */
export type BrokerSettings = {
  readonly [Name in Exclude<keyof BrokerOptions, 'logger'>]-?: Exclude<BrokerOptions[Name], undefined>;
} & { readonly logger: FlowLogger | undefined };

const NAMES: readonly (keyof BrokerOptions)[] = [
  'redis',
  'prefix',
  'logger',
  'notifications',
  'pollMs',
  'rereadMs',
  'heartbeatMs',
  'commandTimeoutMs',
  'connectTimeoutMs',
  'inlineBytes',
];
const LOGGING = ['child', 'debug', 'info', 'warn', 'error'];
const MAX_INLINE = 1_048_576;

/** Refuses wrong options by name, and fills in what is not given. */
export function brokerSettings(given: unknown): BrokerSettings {
  if (given === undefined) throw new FlowInvalidArgumentError('createBroker needs options: at least redis');
  knownOptions('the options of createBroker', given, NAMES);
  const options = given as BrokerOptions;
  const { broker } = DEFAULTS;
  const { prefix = broker.prefix } = options;
  const ms = (name: keyof typeof broker & `${string}Ms`, least: number): number =>
    wholeNumber(name, options[name], broker[name], least, MAX_MS);
  return {
    redis: options.redis,
    prefix: checkPrefix(prefix),
    logger: checkLogger(options.logger),
    notifications: oneOf<BrokerSettings['notifications']>(
      'notifications',
      options.notifications,
      broker.notifications,
      ['auto', 'configure', 'off'],
    ),
    pollMs: ms('pollMs', 10),
    rereadMs: ms('rereadMs', 100),
    heartbeatMs: ms('heartbeatMs', 50),
    commandTimeoutMs: ms('commandTimeoutMs', 10),
    connectTimeoutMs: ms('connectTimeoutMs', 10),
    inlineBytes: wholeNumber('inlineBytes', options.inlineBytes, broker.inlineBytes, 0, MAX_INLINE),
  };
}

function checkLogger(logger: BrokerOptions['logger']): BrokerOptions['logger'] {
  if (logger === undefined) return undefined;
  const methods = Object(logger) as Record<string, unknown>;
  if (LOGGING.every((name) => typeof methods[name] === 'function')) return logger;
  throw new FlowInvalidArgumentError(
    'logger must be a pino logger, or an object with child, debug, info, warn and error',
  );
}
