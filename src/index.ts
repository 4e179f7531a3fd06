export { createBroker, type Broker } from './api/broker.js';
export { type Flows } from './api/flows.js';
export { type AcquireCallOptions, type GenerationLease } from './api/lease.js';
export type {
  ConfirmOptions,
  CreateCallOptions,
  CreateResult,
  DeleteCallOptions,
  DeleteResult,
  JoinResult,
  ListCallOptions,
  OpenCallOptions,
  OpenResult,
  RunCallOptions,
  SettleCallOptions,
  SettleResult,
  WaitCallOptions,
} from './api/calls.js';
export { type FlowRecord } from './broker/record.js';
export { type BrokerStats, type FlowDiagnostic } from './broker/telemetry.js';
export { jsonCodec, type Codec, type CodecPlace } from './contract/codec.js';
export { type ErrorInfo } from './contract/error-info.js';
export { sealedCodec, type SealedCodecOptions } from './contract/sealed-codec.js';
export { type FlowStatus, type TerminalStatus } from './contract/status.js';
export {
  FlowCanceledError,
  FlowClosedError,
  FlowCodecError,
  FlowDeletedError,
  FlowError,
  FlowFailedError,
  FlowInvalidArgumentError,
  FlowNotFoundError,
  FlowOwnerLostError,
  FlowPayloadTooLargeError,
  FlowRecordError,
  FlowSupersededError,
  FlowTimedOutError,
  FlowUnavailableError,
  FlowUnderReplicatedError,
  FlowWaitTimeoutError,
  type FlowErrorCode,
  type FlowErrorDetails,
  type FlowName,
} from './errors.js';
export { type LeaseHold } from './features/generation-lease/hold.js';
export { type RunResult } from './features/run/caller.js';
export { type RunContext, type RunHandler } from './features/run/plan.js';
export { redlockQuorum } from './redis/redlock-quorum.js';
export {
  DEFAULTS,
  type BrokerOptions,
  type ClusterTarget,
  type FlowLogger,
  type FlowOptions,
  type Quorum,
  type QuorumLock,
  type Retention,
} from './options.js';
