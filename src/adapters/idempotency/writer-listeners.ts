import { EventEmitter } from 'node:events';

type Listener = (...given: unknown[]) => void;

/** What those who write to a held response wait for: `drain` of the held body, and `close` when they are told. */
export class WriterListeners {
  /** Streams and pipelines that write ask how it ends before they begin. */
  attached = false;
  readonly #body: EventEmitter;
  readonly #closing = new EventEmitter().setMaxListeners(0);

  constructor(body: EventEmitter) {
    this.#body = body;
  }

  /** False for what is to be listened to elsewhere. */
  add(method: 'on' | 'prependListener', event: string, listener: Listener): boolean {
    if (event === 'finish') this.attached = true;
    if (event !== 'drain' && event !== 'close') return false;
    (event === 'drain' ? this.#body : this.#closing)[method](event, listener);
    return true;
  }

  remove(event: string, listener: Listener): void {
    if (event === 'drain') this.#body.removeListener(event, listener);
    if (event === 'close') this.#closing.removeListener(event, listener);
  }

  /** Who waits to write on need wait no more. */
  drained(): void {
    this.#body.emit('drain');
  }

  closed(): void {
    this.#closing.emit('close');
  }
}
