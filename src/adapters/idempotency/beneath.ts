import type { ServerResponse } from 'node:http';

/** What is covered of a response: all that answers a request, and how a writer listens to it. */
const COVERED = [
  'write',
  'end',
  'destroy',
  'writeHead',
  'flushHeaders',
  'setHeader',
  'appendHeader',
  'removeHeader',
  'on',
  'addListener',
  'prependListener',
  'off',
  'removeListener',
] as const;
type Covered = (typeof COVERED)[number];

/** What a writer asks a response about itself. */
const STATES = ['headersSent', 'writableEnded', 'writableNeedDrain', 'destroyed', 'closed'] as const;

export type Method = (...given: unknown[]) => unknown;
export type State = (typeof STATES)[number];

/** What is laid over a response. */
export interface Cover {
  readonly methods: Readonly<Record<Covered, Method>>;
  state(name: State): boolean;
}

/**
 * A Node response beneath what is laid over it: its methods as they stood before, of its class or of what something else put there, such
 * as a compressing middleware, and its own state. What these call and ask of the response, while they are called, is beneath too.
 */
export class Beneath {
  readonly #response: ServerResponse;
  readonly #methods: Readonly<Record<Covered, Method>>;
  #destroyed: boolean;
  #calls = 0;
  #bare = false;

  constructor(response: ServerResponse, cover: Cover) {
    const methods = response as unknown as Record<Covered, Method>;
    const before = Object.fromEntries(COVERED.map((name) => [name, methods[name].bind(response)]));
    this.#response = response;
    this.#methods = before as Record<Covered, Method>;
    this.#destroyed = response.destroyed;
    for (const name of COVERED)
      methods[name] = (...given) => (this.#open ? this.#methods : cover.methods)[name](...given);
    // What Node calls to write a head that nobody wrote: whoever made it do so stands beneath too.
    Object.assign(response, {
      _implicitHeader: () => {
        this.call('writeHead', response.statusCode);
      },
    });
    for (const name of STATES)
      Object.defineProperty(response, name, {
        configurable: true,
        get: () => (this.#open ? this.is(name) : cover.state(name)),
        // Node sets `destroyed`, and nothing else of these, when the connection closes.
        set: (value: boolean) => {
          if (name === 'destroyed') this.#destroyed = value;
        },
      });
  }

  call(name: Covered, ...given: unknown[]): unknown {
    this.#calls++;
    try {
      return this.#methods[name](...given);
    } finally {
      this.#calls--;
    }
  }

  is(name: State): boolean {
    if (name === 'destroyed') return this.#bare ? this.#response.destroyed : this.#destroyed;
    return Reflect.get(Object.getPrototypeOf(this.#response) as object, name, this.#response) === true;
  }

  get isBare(): boolean {
    return this.#bare;
  }

  /** Takes the cover away. The methods stay and hand on, for something else may lie over them by now. */
  bare(): void {
    if (this.#bare) return;
    this.#bare = true;
    for (const name of STATES) Reflect.deleteProperty(this.#response, name);
    this.#response.destroyed = this.#destroyed;
  }

  get #open(): boolean {
    return this.#bare || this.#calls > 0;
  }
}
