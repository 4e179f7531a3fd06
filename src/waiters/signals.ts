import { EventEmitter, getMaxListeners, setMaxListeners } from 'node:events';

/** Listens to a caller's signal. One signal may end any number of waits: Node's warning of a leak would be wrong. */
export function onAbort(signal: AbortSignal, listener: (() => void) | { handleEvent(): void }): void {
  if (limitOf(signal) === EventEmitter.defaultMaxListeners) setMaxListeners(Infinity, signal);
  signal.addEventListener('abort', listener, { once: true });
}

// Node 20 throws for a signal whose limit was set to 0, by us or by its owner.
function limitOf(signal: AbortSignal): number {
  try {
    return getMaxListeners(signal);
  } catch {
    return 0;
  }
}
