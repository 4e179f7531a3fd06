import type { Timed } from './deadlines.js';

// A server that hangs may answer much later, or never.
const LINGER_MS = 1_000;

/** What a call needs of the line that it goes over. */
export interface Asker<T> {
  /** Sends a copy. */
  ask(): Promise<T>;
  /** How to go on after an error: the same again after so many ms, in another way, or not at all. */
  recover(error: Error): number | (() => Promise<T>) | undefined;
  /** Has `repeat` expire when it is time for another copy. */
  later(repeat: Timed): void;
  /** Whether another copy would be sent at once. */
  ready(): boolean;
  unanswered(cause: unknown): Error;
}

/**
 * One call, of which a copy is sent whenever its answer is overdue: another server may hold its key now. The first answer stands. With `harmless`, which
 * says of an answer that the copies still under way can do no harm after it, any other first waits for them, up to a second: one that runs after the
 * caller was answered might change what others have made of it by then.
 */
export class Asking<T> {
  readonly answer: Promise<T>;
  /** Expires when its time is up. */
  readonly limit: Timed = { done: false, at: 0, expire: () => this.#expire() };
  readonly #asker: Asker<T>;
  readonly #harmless: ((answer: T) => boolean) | undefined;
  readonly #repeat: Timed = { done: false, at: 0, expire: () => this.#again() };
  #resolve: (value: T | PromiseLike<T>) => void = () => undefined;
  #reject: (error: unknown) => void = () => undefined;
  #underWay = 0;
  #first: { readonly answer: T } | undefined;
  #last: unknown;

  constructor(asker: Asker<T>, harmless?: (answer: T) => boolean) {
    this.#asker = asker;
    this.#harmless = harmless;
    this.answer = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    asker.later(this.#repeat);
  }

  /** Sends a copy, unless it is answered. */
  readonly go = (): void => {
    if (this.limit.done || this.#first) return;
    this.#underWay++;
    this.#asker.ask().then(this.#answered, this.#failed);
  };

  #again(): void {
    if (this.#asker.ready()) this.go();
    this.#repeat.done = false;
    this.#asker.later(this.#repeat);
  }

  readonly #answered = (answer: T): void => {
    this.#underWay--;
    if (this.limit.done) return;
    const only = this.#underWay === 0 && !this.#first;
    if (only || !this.#harmless || this.#harmless(answer)) this.#end(answer);
    else if (this.#first === undefined) {
      this.#first = { answer };
      setTimeout(() => this.#end(answer), LINGER_MS).unref();
    } else this.#endIfQuiet();
  };

  readonly #failed = (error: unknown): void => {
    this.#underWay--;
    if (this.limit.done) return;
    if (this.#first) {
      this.#endIfQuiet();
      return;
    }
    const next = this.#asker.recover(error as Error);
    this.#last = error;
    if (typeof next === 'number') setTimeout(this.go, next).unref();
    else if (next) this.#end(next());
    else {
      this.#done();
      this.#reject(error);
    }
  };

  #endIfQuiet(): void {
    if (this.#underWay === 0 && this.#first) this.#end(this.#first.answer);
  }

  #expire(): void {
    this.#done();
    if (this.#first) this.#resolve(this.#first.answer);
    else this.#reject(this.#asker.unanswered(this.#last));
  }

  #end(answer: T | Promise<T>): void {
    this.#done();
    this.#resolve(answer);
  }

  #done(): void {
    this.#repeat.done = this.limit.done = true;
  }
}
