import { EventEmitter, getMaxListeners, setMaxListeners } from 'node:events';

/** Listens to a caller's signal. One signal may end any number of waits: Node's warning of a leak would be wrong. */
export function onAbort(signal: AbortSignal, listener: (() => void) | { handleEvent(): void }): void {
  if (getMaxListeners(signal) === EventEmitter.defaultMaxListeners) setMaxListeners(0, signal);
  signal.addEventListener('abort', listener, { once: true });
}
