/** Where a flow stands. Everything but PENDING is terminal. */
export type FlowStatus = 'PENDING' | TerminalStatus;

/** How a flow ended. */
export type TerminalStatus = 'COMPLETED' | 'FAILED' | 'CANCELED' | 'TIMED_OUT';

/** How a caller can end a flow. */
export type SettleStatus = 'COMPLETED' | 'FAILED' | 'CANCELED';

/** What a message on a flow's channel can tell. */
export type FlowEvent = TerminalStatus | 'SUPERSEDED' | 'DELETED' | 'RELEASED';

export const TERMINAL_STATUSES: readonly TerminalStatus[] = ['COMPLETED', 'FAILED', 'CANCELED', 'TIMED_OUT'];
export const STATUSES: readonly FlowStatus[] = ['PENDING', ...TERMINAL_STATUSES];
export const EVENTS: readonly FlowEvent[] = [...TERMINAL_STATUSES, 'SUPERSEDED', 'DELETED', 'RELEASED'];

export function isTerminal(status: FlowStatus): status is TerminalStatus {
  return status !== 'PENDING';
}
