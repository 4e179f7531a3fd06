import { setTimeout as delay } from 'node:timers/promises';

const PATIENCE_MS = 20_000; // only there to name what never came; nothing is proved by how long it took
const EVERY_MS = 3;

/** Resolves when the condition holds. For states that no event tells of; await an event where there is one. */
export async function until(what: string, holds: () => unknown): Promise<void> {
  const giveUp = performance.now() + PATIENCE_MS;
  while (!(await holds())) {
    if (performance.now() > giveUp) throw new Error(`never came: ${what}`);
    await delay(EVERY_MS);
  }
}

/** A promise with its handles outside, for "this has happened" and "go on now". */
export interface Latch<T = void> {
  readonly opened: Promise<T>;
  open(value: T): void;
}

export function latch<T = void>(): Latch<T> {
  let open: (value: T) => void = () => undefined;
  const opened = new Promise<T>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}
