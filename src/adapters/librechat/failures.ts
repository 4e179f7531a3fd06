import { isFlowError, type FlowError, type FlowErrorCode } from '../../errors.js';

/** The flow that was waited for is gone: deleted, or lost. Another may be created under the same name. */
export class FlowStateNotFoundError extends Error {
  constructor(type: string, options?: ErrorOptions) {
    super(`${type} Flow state not found`, options);
    this.name = 'FlowStateNotFoundError';
  }
}

const GONE: readonly FlowErrorCode[] = ['ERR_FLOW_DELETED', 'ERR_FLOW_NOT_FOUND'];
const FAILED: readonly FlowErrorCode[] = ['ERR_FLOW_FAILED', 'ERR_FLOW_CANCELED', 'ERR_FLOW_OWNER_LOST'];

export function codeOf(error: unknown): FlowErrorCode | undefined {
  return isFlowError(error) ? error.code : undefined;
}

/** Whether the flow itself failed, rather than the asking. */
export function isFailure(error: unknown): error is FlowError {
  return isFlowError(error) && FAILED.includes(error.code);
}

export function aborted(type: string): Error {
  return new Error(`${type} flow aborted`);
}

export function notFound(type: string): Error {
  return new Error(`${type} flow not found`);
}

export function timedOutMessage(type: string): string {
  return `${type} flow timed out`;
}

/** How a wait ended, in the words of FlowStateManager; what says that Redis could not be asked stays as it is. */
export function rejectionOf(type: string, error: unknown): unknown {
  const code = codeOf(error);
  if (code === undefined) return error;
  if (GONE.includes(code)) return new FlowStateNotFoundError(type, { cause: error });
  if (code === 'ERR_FLOW_TIMED_OUT') return new Error(timedOutMessage(type), { cause: error });
  if (!isFailure(error)) return error;
  const { cause } = error;
  if (code === 'ERR_FLOW_OWNER_LOST') return new Error(error.message, { cause: error });
  if (cause instanceof Error && cause.message === '') return new Error(`${type} flow failed`, { cause });
  return cause;
}
