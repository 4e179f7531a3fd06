/** The stable codes of every error that flowbroker throws or rejects with; `docs/errors.md` explains each. */
export type FlowErrorCode =
  | 'ERR_FLOW_FAILED'
  | 'ERR_FLOW_CANCELED'
  | 'ERR_FLOW_TIMED_OUT'
  | 'ERR_FLOW_NOT_FOUND'
  | 'ERR_FLOW_DELETED'
  | 'ERR_FLOW_SUPERSEDED'
  | 'ERR_FLOW_OWNER_LOST'
  | 'ERR_FLOW_WAIT_TIMEOUT'
  | 'ERR_FLOW_UNAVAILABLE'
  | 'ERR_FLOW_UNDER_REPLICATED'
  | 'ERR_FLOW_PAYLOAD_TOO_LARGE'
  | 'ERR_FLOW_CODEC'
  | 'ERR_FLOW_INVALID_ARGUMENT'
  | 'ERR_FLOW_RECORD'
  | 'ERR_FLOW_CLOSED';

/** Which flow an error speaks of. */
export interface FlowName {
  readonly type: string;
  readonly id: string;
}

/** What an error may carry besides its message. */
export interface FlowErrorDetails {
  readonly flow?: FlowName | undefined;
  readonly cause?: unknown;
}

/**
 * The base of all errors of this library: `code` is stable and made for programs, the message for people. Compare codes,
 * not classes, where an application may load the package twice (ESM and CJS).
 *
 * @example
 * try { await logins.wait(id); } catch (error) { if (error instanceof FlowError && error.code === 'ERR_FLOW_TIMED_OUT') … }
 */
export abstract class FlowError extends Error {
  abstract readonly code: FlowErrorCode;
  /** The flow it happened to, if it happened to one. */
  readonly flow: FlowName | undefined;

  constructor(message: string, details: FlowErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.flow = details.flow;
  }

  override get name(): string {
    return this.constructor.name;
  }
}

/**
 * Whether it is a FlowError, also of another copy of this package: an application may load one as ESM and one as CommonJS, and
 * `instanceof` knows only its own.
 */
export function isFlowError(error: unknown): error is FlowError {
  if (error instanceof FlowError) return true;
  const { code } = Object(error) as { code?: unknown };
  return error instanceof Error && typeof code === 'string' && code.startsWith('ERR_FLOW_');
}

/** The flow was failed; `cause` is the error it was failed with, rebuilt where another process threw it. */
export class FlowFailedError extends FlowError {
  readonly code = 'ERR_FLOW_FAILED';
}

/** The flow was canceled; `cause` is the reason given. */
export class FlowCanceledError extends FlowError {
  readonly code = 'ERR_FLOW_CANCELED';
}

/** The flow's deadline passed before anybody settled it. */
export class FlowTimedOutError extends FlowError {
  readonly code = 'ERR_FLOW_TIMED_OUT';
}

/** There is no such flow: never created, or its retention is over. */
export class FlowNotFoundError extends FlowError {
  readonly code = 'ERR_FLOW_NOT_FOUND';
}

/** The flow vanished while it was waited for: deleted, evicted, or lost by the server. */
export class FlowDeletedError extends FlowError {
  readonly code = 'ERR_FLOW_DELETED';
}

/** Another flow took the place of the one waited for, or another owner the place of this one. */
export class FlowSupersededError extends FlowError {
  readonly code = 'ERR_FLOW_SUPERSEDED';
}

/** The owner was lost and no attempt is left, or this process lost the lease while its handler ran. */
export class FlowOwnerLostError extends FlowError {
  readonly code = 'ERR_FLOW_OWNER_LOST';
}

/** The caller's own `timeoutMs` passed; the flow goes on. */
export class FlowWaitTimeoutError extends FlowError {
  readonly code = 'ERR_FLOW_WAIT_TIMEOUT';
}

/** Redis did not answer, or refused: what was asked may or may not have happened. `cause` is what Redis or ioredis said. */
export class FlowUnavailableError extends FlowError {
  readonly code = 'ERR_FLOW_UNAVAILABLE';
}

/**
 * What was asked is done, but fewer replicas than `minReplicas` confirmed it in time: a failover now may forget it. `record` is the flow
 * as it stands, `replicas` how many confirmed.
 */
export class FlowUnderReplicatedError extends FlowError {
  readonly code = 'ERR_FLOW_UNDER_REPLICATED';
  /** A `FlowRecord`. */
  readonly record: unknown;
  readonly replicas: number;

  constructor(
    message: string,
    details: FlowErrorDetails & { readonly record: unknown; readonly replicas: number } = {
      record: undefined,
      replicas: 0,
    },
  ) {
    super(message, details);
    this.record = details.record;
    this.replicas = details.replicas;
  }
}

/** A result, error or metadata is larger than its limit; nothing was written. */
export class FlowPayloadTooLargeError extends FlowError {
  readonly code = 'ERR_FLOW_PAYLOAD_TOO_LARGE';
}

/** A value could not be encoded or decoded; `cause` says why. */
export class FlowCodecError extends FlowError {
  readonly code = 'ERR_FLOW_CODEC';
}

/** An argument or option is wrong; the message names it and its limit. Nothing was sent. */
export class FlowInvalidArgumentError extends FlowError {
  readonly code = 'ERR_FLOW_INVALID_ARGUMENT';
}

/** What stands under the flow's key is not a record that this version can read. */
export class FlowRecordError extends FlowError {
  readonly code = 'ERR_FLOW_RECORD';
}

/** The broker is closed, or closed while this was under way. */
export class FlowClosedError extends FlowError {
  readonly code = 'ERR_FLOW_CLOSED';
}

/** How messages name a flow: `mcp_oauth "user-1"`. */
export function describeFlow(flow: FlowName): string {
  return `${flow.type} ${JSON.stringify(flow.id)}`;
}
