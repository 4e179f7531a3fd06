import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';

interface Asked {
  readonly resolve: (is: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** How a process answers the question of this number. */
export interface Answer {
  readonly n: number;
  readonly is?: unknown;
  readonly error?: string;
}

/** What a child process was asked and has not answered yet; rejected when it ends. */
export class Questions {
  readonly exited: Promise<void>;
  readonly #asked = new Map<number, Asked>();
  #n = 0;

  constructor(child: ChildProcess) {
    this.exited = once(child, 'exit').then(() => {
      for (const { reject } of this.#asked.values()) reject(new Error('the process ended'));
    });
  }

  /** Sends a question of a number of its own, and resolves with what is answered to it. */
  ask(send: (n: number) => void): Promise<unknown> {
    const n = ++this.#n;
    return new Promise((resolve, reject) => {
      this.#asked.set(n, { resolve, reject });
      send(n);
    });
  }

  answer({ n, is, error }: Answer): void {
    const asked = this.#asked.get(n);
    this.#asked.delete(n);
    if (error === undefined) asked?.resolve(is);
    else asked?.reject(new Error(error));
  }
}
