import type { Line } from './line.js';

/** A script as Redis runs it. */
export interface Runnable {
  readonly sha1: string;
  readonly lua: string;
}

type Argument = string | Buffer;

/**
 * Runs a script by its hash, and by its text where the server does not know it (NOSCRIPT says that nothing ran). The reply
 * comes as bytes.
 */
export function runScript(
  line: Line,
  script: Runnable,
  keys: readonly string[],
  values: readonly Argument[],
): Promise<unknown> {
  const rest = [keys.length, ...keys, ...values];
  return line.send(
    (redis) => redis.callBuffer('EVALSHA', script.sha1, ...rest),
    (redis, error) =>
      error.message.startsWith('NOSCRIPT') ? redis.callBuffer('EVAL', script.lua, ...rest) : undefined,
  );
}
