import { rebuildError } from '../contract/error-info.js';
import {
  describeFlow,
  FlowCanceledError,
  FlowFailedError,
  FlowOwnerLostError,
  FlowSupersededError,
  FlowTimedOutError,
  type FlowError,
  type FlowName,
} from '../errors.js';
import type { Payloads } from '../broker/payloads.js';
import type { Ending, Settlement } from './ending.js';

/** The result of a completed flow, or throws the error that says how it ended otherwise. */
export function resultOf(flow: FlowName, settlement: Settlement, payloads: Payloads): unknown {
  if (settlement.status === 'COMPLETED')
    return payloads.decode(flow, 'result', settlement.payload ?? Buffer.alloc(0));
  throw errorOf(flow, settlement, payloads);
}

/** The same for the ending of a wait. */
export function outcomeOf(flow: FlowName, ending: Ending, payloads: Payloads): unknown {
  if (ending.kind === 'settled') return resultOf(flow, ending.settlement, payloads);
  throw ending.kind === 'error'
    ? ending.error
    : new FlowOwnerLostError(`the owner of ${describeFlow(flow)} was lost`, { flow });
}

/** What tells a handler that its flow ended without it. */
export function endReasonOf(flow: FlowName, ending: Ending, payloads: Payloads): Error {
  if (ending.kind === 'error') return ending.error;
  if (ending.kind === 'lapsed' || ending.settlement.status === 'COMPLETED') {
    return new FlowSupersededError(`${describeFlow(flow)} was settled elsewhere while its handler ran`, {
      flow,
    });
  }
  return errorOf(flow, ending.settlement, payloads);
}

function errorOf(flow: FlowName, settlement: Settlement, payloads: Payloads): FlowError {
  const name = describeFlow(flow);
  if (settlement.status === 'TIMED_OUT')
    return new FlowTimedOutError(`${name} was not settled before its deadline`, { flow });
  const info = payloads.decodeError(flow, settlement.payload, settlement.ownerLost);
  if (settlement.ownerLost) return new FlowOwnerLostError(`${name}: ${info.message}`, { flow });
  const cause = rebuildError(info);
  return settlement.status === 'CANCELED'
    ? new FlowCanceledError(`${name} was canceled: ${info.message}`, { flow, cause })
    : new FlowFailedError(`${name} failed: ${info.message}`, { flow, cause });
}
