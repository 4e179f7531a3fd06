import type { OutgoingHttpHeader, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { PassThrough } from 'node:stream';
import { byName, type HeaderLine, type Reply } from './reply.js';

const HELD = ['write', 'end', 'writeHead', 'flushHeaders', 'on', 'addListener'] as const;
type Written = (error?: Error | null) => void;
type Listener = (...given: unknown[]) => void;

/**
 * Holds back what a handler writes to a Node response, as a reply to be kept first and sent then. Works on the methods of this one
 * response, so that everything above, Express, Fastify, streams that are piped into it, goes on as it is used to.
 */
export class CapturedResponse {
  /** Resolves when the handler has begun to answer; its body ends when the handler has ended it. */
  readonly reply: Promise<Reply>;
  readonly #response: ServerResponse;
  readonly #own: object;
  readonly #write: (chunk: Uint8Array) => boolean;
  readonly #end: () => unknown;
  readonly #on: ServerResponse['on'];
  readonly #body = new PassThrough();
  #begin: (reply: Reply) => void = () => undefined;
  #begun = false;

  constructor(response: ServerResponse) {
    this.#response = response;
    this.reply = new Promise((resolve) => {
      this.#begin = resolve;
    });
    // A method that something else put there, such as a compressing middleware, comes back when this is over.
    const own = Object.entries(response).filter(([name]) => (HELD as readonly string[]).includes(name));
    this.#own = Object.fromEntries(own);
    this.#write = response.write.bind(response);
    this.#end = response.end.bind(response);
    this.#on = response.on.bind(response);
    this.#hold();
  }

  /** Sends what was captured, and what follows of it, to its own client. Resolves when it is sent or the client gone. */
  async send({ status, headers, body }: Reply): Promise<void> {
    const response = this.#response;
    this.#letGo();
    for (const name of response.getHeaderNames()) response.removeHeader(name);
    response.statusCode = status;
    for (const [name, values] of byName(headers)) response.setHeader(name, values);
    if (body instanceof Uint8Array) {
      response.end(body);
      this.#hold();
      return;
    }
    // The handler still writes, to be sent behind what it wrote before.
    response.writeHead(status);
    this.#hold();
    for await (const chunk of body) {
      if (response.destroyed) return;
      if (!this.#write(chunk)) await this.#drained();
    }
    this.#end();
  }

  /** Sends something else, at once. Whatever the handler may still do to the response goes nowhere. */
  sendInstead(reply: Reply & { readonly body: Uint8Array }): void {
    void this.send(reply);
    this.#body.resume();
    const nothing = (): ServerResponse => this.#response;
    Object.assign(this.#response, { setHeader: nothing, appendHeader: nothing, removeHeader: nothing });
  }

  #hold(): void {
    const on = (event: string, listener: Listener): ServerResponse => {
      // Who writes waits for what is written to: the body that is held here.
      if (event === 'drain') this.#body.on(event, listener);
      else this.#on(event, listener);
      return this.#response;
    };
    Object.assign(this.#response, {
      on,
      addListener: on,
      write: (chunk: unknown, ...rest: unknown[]): boolean => {
        this.#start();
        return this.#take(chunk, rest);
      },
      end: (...given: unknown[]): ServerResponse => {
        this.#start();
        const [chunk, encoding] = given;
        if (chunk !== undefined && chunk !== null && typeof chunk !== 'function')
          this.#take(chunk, [encoding]);
        const written = given.find((one) => typeof one === 'function') as Written | undefined;
        if (!this.#body.writableEnded) this.#body.end(written);
        return this.#response;
      },
      writeHead: (status: number, ...rest: unknown[]): ServerResponse => {
        if (this.#begun) return this.#response;
        this.#response.statusCode = status;
        setHeaders(
          this.#response,
          rest.find((one) => typeof one === 'object' && one !== null),
        );
        this.#start();
        return this.#response;
      },
      flushHeaders: (): void => {
        this.#start();
      },
    } satisfies Record<(typeof HELD)[number], unknown>);
  }

  #letGo(): void {
    // Without a property of its own the response has the methods of its class again.
    for (const name of HELD) Reflect.deleteProperty(this.#response, name);
    Object.assign(this.#response, this.#own);
  }

  #start(): void {
    if (this.#begun) return;
    this.#begun = true;
    const response = this.#response;
    this.#begin({ status: response.statusCode, headers: linesOf(response.getHeaders()), body: this.#body });
  }

  /** False asks the writer to wait for `drain`. What comes after the end is left out. */
  #take(chunk: unknown, rest: readonly unknown[]): boolean {
    if (this.#body.writableEnded || this.#body.destroyed) return true;
    const encoding = rest.find((one) => typeof one === 'string') as BufferEncoding | undefined;
    const written = rest.find((one) => typeof one === 'function') as Written | undefined;
    return this.#body.write(chunk, encoding ?? 'utf8', written);
  }

  #drained(): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        for (const event of ['drain', 'close']) this.#response.removeListener(event, done);
        resolve();
      };
      for (const event of ['drain', 'close']) this.#on(event, done);
    });
  }
}

/** Headers as Node and Fastify give them. */
export type HeadersSet = Readonly<Record<string, OutgoingHttpHeader | undefined>>;

/** One line for each value. */
export function linesOf(headers: HeadersSet): HeaderLine[] {
  return Object.entries(headers).flatMap(([name, value]) =>
    value === undefined ? [] : [value].flat().map((one): HeaderLine => [name, String(one)]),
  );
}

/** As `writeHead` takes them: an object, or names and values in turn. */
function setHeaders(response: ServerResponse, headers: unknown): void {
  if (Array.isArray(headers)) {
    const flat = headers.flat() as string[];
    for (let at = 0; at + 1 < flat.length; at += 2) response.removeHeader(flat[at] as string);
    for (let at = 0; at + 1 < flat.length; at += 2)
      response.appendHeader(flat[at] as string, String(flat[at + 1]));
    return;
  }
  for (const [name, value] of Object.entries((headers ?? {}) as OutgoingHttpHeaders))
    if (value !== undefined) response.setHeader(name, value);
}
