import type { Line } from './line.js';

/** How a line goes on after an error: the same again after so many ms, at once on another line, or not at all. */
export type Recovery = (error: Error) => number | Line | undefined;

// What ioredis says of a command that was under way when its connection was lost.
const LOST = /max retries per request|^Connection is closed|^Command aborted|Stream isn't writeable/i;

// What else a server or ioredis says while a failover or the move of a slot is under way; the same request again finds its way.
const PASSING =
  /^(MOVED|ASK|TRYAGAIN|CLUSTERDOWN|LOADING|MASTERDOWN|READONLY|UNBLOCKED)|^Too many Cluster redirections|^None of startup nodes|^Failed to refresh slots cache|^Cluster is (ended|disconnect)|^Cluster isn't ready|^All sentinels/i;

export function isLost(error: Error): boolean {
  return LOST.test(error.message);
}

export function isPassing(error: Error): boolean {
  return isLost(error) || PASSING.test(error.message);
}
