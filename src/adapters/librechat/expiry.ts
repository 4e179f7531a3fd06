const SECONDS_BELOW = 1e10; // as ms that would be April 1970, as seconds the year 2286

/** Milliseconds since the epoch, whichever of seconds and milliseconds was given. */
export function normalizeExpiresAt(expiresAt: number): number {
  return expiresAt < SECONDS_BELOW ? expiresAt * 1000 : expiresAt;
}

/** Until when a result may be served, by its `expires_at`; undefined if it has none that is a number. */
export function expiryOf(result: unknown): number | undefined {
  if (typeof result !== 'object' || result === null) return undefined;
  const { expires_at: expiresAt } = result as { expires_at?: unknown };
  if (typeof expiresAt !== 'number' || !Number.isFinite(expiresAt)) return undefined;
  return Math.min(Math.max(normalizeExpiresAt(expiresAt), 0), Number.MAX_SAFE_INTEGER);
}
