import type { ServerResponse } from 'node:http';
import { PassThrough } from 'node:stream';
import { Beneath, type Cover, type Method, type State } from './beneath.js';
import { checkStatus, headersSentError, linesOf, setHeaders } from './header-lines.js';
import { byName, type HeaderLine, type Reply } from './reply.js';
import { WriterListeners } from './writer-listeners.js';

type Written = (error?: Error | null) => void;
type Listener = (...given: unknown[]) => void;

/**
 * Holds back what a handler writes to a Node response, as a reply to be kept first and sent then. It covers methods and state of this
 * one response, so that everything above, Express, Fastify, streams that are piped into it, goes on as it is used to: headers count as
 * sent with the first byte, `drain` is that of the held body, and who writes does not see the client leave before it is done.
 */
export class CapturedResponse {
  /** Resolves when the handler has begun to answer; its body ends when the handler ends it. Both fail if it is destroyed before. */
  readonly reply: Promise<Reply>;
  readonly #response: ServerResponse;
  readonly #beneath: Beneath;
  readonly #body = new PassThrough();
  readonly #listeners = new WriterListeners(this.#body);
  #begin: (reply: Reply) => void = () => undefined;
  #breakOff: (error: Error) => void = () => undefined;
  #wake: () => void = () => undefined;
  #begun = false;
  #closed = false;
  #replaced = false;
  #sending = false;
  #broken: { readonly error: Error | undefined } | undefined;

  constructor(response: ServerResponse) {
    this.#response = response;
    this.reply = new Promise((resolve, reject) => {
      this.#begin = resolve;
      this.#breakOff = reject;
    });
    this.reply.catch(() => undefined); // it may break off when nobody asks any more
    this.#body.on('error', () => undefined); // its reader is told
    this.#beneath = new Beneath(response, this.#cover());
    const { socket } = response;
    this.#beneath.call('on', 'close', () => {
      this.#closed = true;
      this.#wake();
      // Express destroys the connection of a handler that fails in the middle; a client that leaves ends or resets it.
      const here = socket?.readableEnded === false && !socket.errored;
      if (here && this.#stateOfBody('headersSent') && !this.#writerDone) this.#destroyBody(undefined);
      this.#tellClosed();
    });
    this.#body.once('close', this.#tellClosed);
  }

  /** Whether its client has left without an answer. */
  get gone(): boolean {
    return this.#beneath.is('destroyed') && !this.#response.writableFinished;
  }

  /** Breaks the connection, if the handler destroyed the response before it ended. */
  breakIfBroken(): boolean {
    if (this.#broken) this.#beneath.call('destroy', this.#broken.error);
    return this.#broken !== undefined;
  }

  /** Sends what was captured, and what follows of it, to its own client. Resolves when it is sent or the client gone. */
  async send({ status, body }: Reply): Promise<void> {
    this.#refuseSent();
    this.#response.statusCode = status;
    if (body instanceof Uint8Array) {
      this.#beneath.bare();
      if (!this.gone) this.#beneath.call('end', body);
      return;
    }
    // The handler still writes, to be sent behind what it wrote before.
    this.#sending = true;
    this.#beneath.call('writeHead', status);
    this.#beneath.call('on', 'drain', () => {
      this.#wake();
    });
    for await (const chunk of body) {
      if (this.gone) return;
      const drained = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      if (this.#beneath.call('write', chunk) === false) await drained;
    }
    this.#beneath.bare();
    if (!this.gone) this.#beneath.call('end');
  }

  /** Sends something else, at once. Whatever the handler may still do to the response goes nowhere. */
  sendInstead(reply: Reply & { readonly body: Uint8Array }): void {
    this.#reset(reply.status, reply.headers);
    this.#replaced = true;
    this.#listeners.drained();
    this.#tellClosed();
    if (!this.gone) this.#beneath.call('end', reply.body);
  }

  /** Gives the response back as if nothing had been written, with these headers, unless it was sent. */
  giveBack(headers: readonly HeaderLine[]): void {
    if (!this.#beneath.is('headersSent')) this.#reset(200, headers);
    this.#beneath.bare();
    this.#listeners.drained();
  }

  #reset(status: number, headers: readonly HeaderLine[]): void {
    this.#refuseSent();
    const names = byName(headers);
    for (const name of this.#response.getHeaderNames())
      if (!names.has(name)) this.#beneath.call('removeHeader', name);
    for (const [name, values] of names) this.#beneath.call('setHeader', name, values);
    this.#response.statusCode = status;
    if (this.#response.statusMessage) this.#response.statusMessage = '';
  }

  /** Something may have answered beneath: a middleware that kept the methods of before. */
  #refuseSent(): void {
    if (this.#beneath.is('headersSent')) throw headersSentError('send');
  }

  #cover(): Cover {
    const response = this.#response;
    const header =
      (name: 'setHeader' | 'appendHeader' | 'removeHeader', verb: string): Method =>
      (...given) => {
        if (this.#replaced) return response;
        if (this.#begun) throw headersSentError(verb);
        return this.#beneath.call(name, ...given);
      };
    const listen =
      (name: 'on' | 'prependListener'): Method =>
      (...given) => {
        const [event, listener] = given as [string, Listener];
        if (this.#writerDone || !this.#listeners.add(name, event, listener))
          this.#beneath.call(name, event, listener);
        return response;
      };
    const unlisten: Method = (...given) => {
      const [event, listener] = given as [string, Listener];
      this.#listeners.remove(event, listener);
      this.#beneath.call('removeListener', event, listener);
      return response;
    };
    return {
      methods: {
        write: (chunk, ...rest) => this.#write(chunk, rest),
        end: (...given) => this.#end(given),
        destroy: (error) => this.#destroy(error as Error | undefined),
        writeHead: (status, ...rest) => this.#writeHead(status as number, rest),
        flushHeaders: () => {
          this.#writeImplicitHead();
        },
        setHeader: header('setHeader', 'set'),
        appendHeader: header('appendHeader', 'append'),
        removeHeader: header('removeHeader', 'remove'),
        on: listen('on'),
        addListener: listen('on'),
        prependListener: listen('prependListener'),
        off: unlisten,
        removeListener: unlisten,
      },
      state: (name) => (this.#replaced ? this.#beneath.is(name) : this.#stateOfBody(name)),
    };
  }

  #stateOfBody(name: State): boolean {
    if (name === 'headersSent') return this.#begun || this.#beneath.is(name);
    if (name === 'closed') return this.#closed && this.#writerDone;
    return this.#body[name];
  }

  /** Nothing more comes of the handler. */
  get #writerDone(): boolean {
    return this.#replaced || this.#beneath.isBare || this.#body.writableEnded || this.#body.destroyed;
  }

  /** Who writes, or is about to, hears that the client left when it is done; who only works, at once. */
  readonly #tellClosed = (): void => {
    const writing = this.#begun || this.#listeners.attached;
    if (this.#closed && (this.#writerDone || !writing)) this.#listeners.closed();
  };

  #writeHead(status: number, rest: readonly unknown[]): ServerResponse {
    if (this.#replaced) {
      // Not the handler's: of something beneath that ends the response later than it was told.
      if (!this.#beneath.is('headersSent')) this.#beneath.call('writeHead', this.#response.statusCode);
      return this.#response;
    }
    if (this.#begun) throw headersSentError('write');
    checkStatus(status);
    const [reason] = rest;
    if (typeof reason === 'string') this.#response.statusMessage = reason;
    setHeaders(
      this.#response,
      rest.find((one) => typeof one === 'object' && one !== null),
    );
    this.#response.statusCode = status;
    this.#begun = true;
    this.#begin({ status, headers: linesOf(this.#response.getHeaders()), body: this.#body });
    return this.#response;
  }

  #writeImplicitHead(): void {
    // As Node does it, for those that listen for it in `writeHead`.
    if (!this.#begun) this.#response.writeHead(this.#response.statusCode);
  }

  /** False asks the writer to wait for `drain`. What comes after the end is left out. */
  #write(chunk: unknown, rest: readonly unknown[]): boolean {
    const encoding = rest.find((one) => typeof one === 'string') as BufferEncoding | undefined;
    const written = rest.find((one) => typeof one === 'function') as Written | undefined;
    if (this.#writerDone) {
      if (written) process.nextTick(written);
      return true;
    }
    this.#writeImplicitHead();
    return this.#body.write(chunk, encoding ?? 'utf8', written);
  }

  #end(given: readonly unknown[]): ServerResponse {
    if (this.#writerDone) return this.#response;
    const [chunk, encoding] = given;
    if (chunk !== undefined && chunk !== null && typeof chunk !== 'function') this.#write(chunk, [encoding]);
    else this.#writeImplicitHead();
    const sent = given.find((one) => typeof one === 'function') as Listener | undefined;
    if (sent) this.#response.once('finish', sent);
    this.#body.end();
    process.nextTick(this.#tellClosed);
    return this.#response;
  }

  #destroy(error: Error | undefined): ServerResponse {
    if (this.#replaced) return this.#response;
    const broken = !this.#body.writableEnded;
    if (broken) this.#destroyBody(error);
    // A client that sees its connection break may repeat: then the key is to be free.
    if (!broken || this.#sending) this.#beneath.call('destroy', error);
    return this.#response;
  }

  #destroyBody(error: Error | undefined): void {
    const cause = error ?? new Error('the response was destroyed before it ended');
    this.#broken = { error };
    this.#breakOff(cause);
    this.#body.destroy(cause);
  }
}
