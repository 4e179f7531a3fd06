/** How long an owner holds a flow without renewing. Short, so that nobody waits long for the scenes in which owners die. */
export const LEASE_MS = 1_000;
/** What a takeover may take beyond the lease. */
export const TAKEOVER_MARGIN_MS = 250;
/** How often a program without wake-ups looks whether a login is done. */
export const POLL_MS = 2_000;
/** From the order to the instant at which all replicas begin at once. */
export const BARRIER_MS = 100;
