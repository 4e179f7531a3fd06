import {
  describeFlow,
  FlowClosedError,
  FlowError,
  FlowInvalidArgumentError,
  FlowRecordError,
  FlowUnavailableError,
  type FlowName,
} from '../errors.js';

/** What a script or the connection threw, as the caller gets it. Never confused with a verdict. */
export function failureOf(error: unknown, flow: FlowName, verb: string): FlowError {
  if (error instanceof FlowError && error.flow) return error;
  const text = error instanceof Error ? error.message : String(error);
  const what = `${verb} of ${describeFlow(flow)}`;
  const details = { flow, cause: error };
  if (text.startsWith('FLOWARG')) return new FlowInvalidArgumentError(`${what}: ${text}`, details);
  if (text.startsWith('FLOWTYPE') || text.startsWith('FLOWVERSION'))
    return new FlowRecordError(`${what}: ${text}`, details);
  if (error instanceof FlowClosedError) return new FlowClosedError(`${what}: ${text}`, { flow });
  if (error instanceof FlowRecordError) return new FlowRecordError(`${what}: ${text}`, details);
  return new FlowUnavailableError(`${what}: ${text}`, details);
}
