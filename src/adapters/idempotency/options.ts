import type { Codec } from '../../contract/codec.js';
import { FlowInvalidArgumentError } from '../../errors.js';
import { functionOrNone, knownOptions, MAX_MS, oneOf, shown, wholeNumber } from '../../options.js';

/** Options of `idempotency`. `Message` is what the framework calls a request. Times are milliseconds. */
export interface IdempotencyOptions<Message> {
  /**
   * Whose key this is: the authenticated user or tenant. The same key in two scopes is two keys, so one caller can neither see nor
   * block what another caller did. Return a constant only where all callers may share answers.
   */
  readonly scope: (request: Message) => string | PromiseLike<string>;
  /** The flow type under which keys are kept; default `idempotency`. Routes that share it share their keys. */
  readonly type?: string | undefined;
  /** Methods that take part; others pass untouched. Default `['POST', 'PATCH']`. */
  readonly methods?: readonly string[] | undefined;
  /** Whether a request without a key is refused with 400 (default), or passes uncoordinated. */
  readonly required?: boolean | ((request: Message) => boolean) | undefined;
  /** Take a key that is not quoted, as many clients send it, for the same as the quoted one. Default true; false refuses it with 400. */
  readonly bareKeys?: boolean | undefined;
  /** What a repetition gets while the first request is still at work: its answer when it comes (`wait`, default), or 409 at once. */
  readonly whilePending?: 'wait' | 'conflict' | undefined;
  /** How long a repetition waits before it gets 409 after all. Default 30,000. */
  readonly waitMs?: number | undefined;
  /** What makes two requests the same; a key that comes back with another is refused with 422. Default: SHA-256 of method, path with query, and body. */
  readonly fingerprint?: ((request: Message, body: Uint8Array) => string | PromiseLike<string>) | undefined;
  /** The largest body that is read for the fingerprint; a larger one gets 413. Default 1,048,576. Body parsers have limits of their own. */
  readonly maxRequestBytes?: number | undefined;
  /** The largest response body that is kept. The first caller gets a larger one whole, repetitions get 500. Default 1,048,576. */
  readonly maxResponseBytes?: number | undefined;
  /**
   * Which answers are final, by status. Others are given to who waits, and the key is free again. Default: those below 500. If it throws, or
   * returns anything but true or false, the answer is kept, and the first request fails with that error: what was carried out is not repeated.
   */
  readonly storeStatus?: ((status: number) => boolean) | undefined;
  /** Keep only these response headers. Default: all but `denyHeaders` and those that `defaultDeniedHeaders` lists. */
  readonly allowHeaders?: readonly string[] | undefined;
  /** Response headers not to be kept, besides the default ones. */
  readonly denyHeaders?: readonly string[] | undefined;
  /** How long a key is remembered after its request ended. Default 86,400,000: a day. */
  readonly ttlMs?: number | undefined;
  /** How long the handler may take, over all attempts; after that the outcome is unknown. Default 300,000. */
  readonly timeoutMs?: number | undefined;
  /** How long after its process died a request counts as lost; it is renewed at a third. Default 15,000. */
  readonly leaseMs?: number | undefined;
  /**
   * How many processes may try, one after another, when one dies at work. Default 1: nobody repeats what may have happened, and
   * repetitions are told that the outcome is unknown. More only where the handler itself can be repeated.
   */
  readonly maxAttempts?: number | undefined;
  /** Without Redis: `refuse` with 503 (default), or `run` the handler uncoordinated. */
  readonly onUnavailable?: 'refuse' | 'run' | undefined;
  /** Whether the handler's signal aborts when its client disconnects and no other waits. Default false: it finishes, and the answer is kept. */
  readonly abortOnDisconnect?: boolean | undefined;
  /** How kept answers become bytes; default `replyCodec`. To encrypt them: `sealedCodec({ …, codec: replyCodec })`. */
  readonly codec?: Codec | undefined;
  /** A page of yours that explains the problems; `type` of each then is this URL and `#code`. */
  readonly documentation?: string | undefined;
}

/** Every default there is. */
export const IDEMPOTENCY_DEFAULTS = {
  type: 'idempotency',
  methods: ['POST', 'PATCH'],
  required: true,
  bareKeys: true,
  whilePending: 'wait',
  waitMs: 30_000,
  maxRequestBytes: 1_048_576,
  maxResponseBytes: 1_048_576,
  ttlMs: 86_400_000,
  timeoutMs: 300_000,
  leaseMs: 15_000,
  maxAttempts: 1,
  onUnavailable: 'refuse',
  abortOnDisconnect: false,
} as const;

const FUNCTIONS = ['scope', 'fingerprint', 'storeStatus'] as const;
const NAMES = [
  ...Object.keys(IDEMPOTENCY_DEFAULTS),
  ...FUNCTIONS,
  'allowHeaders',
  'denyHeaders',
  'codec',
  'documentation',
];
const MAX_BYTES = 256 * 1024 * 1024;

/** The options, checked and complete. */
export type IdempotencySettings<Message> = {
  readonly [Name in keyof typeof IDEMPOTENCY_DEFAULTS]: Exclude<IdempotencyOptions<Message>[Name], undefined>;
} & Pick<
  IdempotencyOptions<Message>,
  'scope' | 'fingerprint' | 'allowHeaders' | 'denyHeaders' | 'codec' | 'documentation'
> & { readonly storeStatus: (status: number) => boolean };

/** Refuses wrong options by name, and fills in what is not given. What the broker checks itself is left to it. */
export function idempotencySettings<Message>(
  options: IdempotencyOptions<Message>,
): IdempotencySettings<Message> {
  knownOptions('the options of idempotency', options, NAMES);
  for (const name of FUNCTIONS)
    functionOrNone(name, (options as Partial<typeof options> | undefined)?.[name]);
  if ((options as Partial<typeof options> | undefined)?.scope === undefined)
    throw new FlowInvalidArgumentError(
      'idempotency needs scope: a function from the request to the caller whose key it is',
    );
  const d = IDEMPOTENCY_DEFAULTS;
  const whole = (name: 'waitMs' | 'ttlMs' | 'timeoutMs', least: number): number =>
    wholeNumber(name, options[name], d[name], least, MAX_MS);
  const bytes = (name: 'maxRequestBytes' | 'maxResponseBytes'): number =>
    wholeNumber(name, options[name], d[name], 0, MAX_BYTES);
  const { required = d.required, allowHeaders, denyHeaders } = options;
  if (typeof required !== 'function') flag('required', required);
  return {
    scope: options.scope,
    fingerprint: options.fingerprint,
    storeStatus: options.storeStatus ?? ((status) => status < 500),
    type: options.type ?? d.type,
    methods: names('methods', options.methods ?? d.methods).map((name) => name.toUpperCase()),
    required,
    bareKeys: flag('bareKeys', options.bareKeys ?? d.bareKeys),
    whilePending: oneOf('whilePending', options.whilePending, d.whilePending, ['wait', 'conflict']),
    waitMs: whole('waitMs', 1),
    maxRequestBytes: bytes('maxRequestBytes'),
    maxResponseBytes: bytes('maxResponseBytes'),
    ttlMs: whole('ttlMs', 1),
    timeoutMs: whole('timeoutMs', 1),
    leaseMs: wholeNumber('leaseMs', options.leaseMs, d.leaseMs, 100, MAX_MS),
    maxAttempts: wholeNumber('maxAttempts', options.maxAttempts, d.maxAttempts, 1, 1_000_000),
    onUnavailable: oneOf('onUnavailable', options.onUnavailable, d.onUnavailable, ['refuse', 'run']),
    abortOnDisconnect: flag('abortOnDisconnect', options.abortOnDisconnect ?? d.abortOnDisconnect),
    allowHeaders: allowHeaders && names('allowHeaders', allowHeaders),
    denyHeaders: denyHeaders && names('denyHeaders', denyHeaders),
    codec: options.codec,
    documentation: options.documentation,
  };
}

function flag(name: string, value: unknown): boolean {
  if (typeof value === 'boolean') return value;
  throw new FlowInvalidArgumentError(`${name} must be true or false, got ${shown(value)}`);
}

function names(name: string, value: unknown): readonly string[] {
  if (Array.isArray(value) && value.every((one) => typeof one === 'string')) return value;
  throw new FlowInvalidArgumentError(`${name} must be an array of names, got ${shown(value)}`);
}
