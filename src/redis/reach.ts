import { FlowUnavailableError } from '../errors.js';

/** How long a first connection may take, and why there is none yet. */
export interface Reach {
  readonly withinMs: number;
  readonly why: () => Error | undefined;
}

/** Tells that the time for it is up; to be cleared once it stands. */
export function whenUnreached({ withinMs, why }: Reach, tell: (error: Error) => void): NodeJS.Timeout {
  return setTimeout(() => {
    const text = `Redis could not be reached within connectTimeoutMs (${String(withinMs)} ms)`;
    tell(new FlowUnavailableError(text, { cause: why() }));
  }, withinMs).unref();
}
