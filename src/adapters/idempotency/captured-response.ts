import { once } from 'node:events';
import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { PassThrough } from 'node:stream';
import { byName, type HeaderLine, type Reply } from './reply.js';

const METHODS = ['write', 'end', 'writeHead', 'flushHeaders'];
type Written = (error?: Error | null) => void;

/**
 * Holds back what a handler writes to a Node response, as a reply to be kept first and sent then. Works on the methods of this one
 * response, so that everything above, Express, Fastify, streams that are piped into it, goes on as it is used to.
 */
export class CapturedResponse {
  /** Resolves when the handler has begun to answer; its body ends when the handler has ended it. */
  readonly reply: Promise<Reply>;
  readonly #response: ServerResponse;
  readonly #own: Readonly<Record<string, unknown>>;
  readonly #body = new PassThrough();
  #begin: (reply: Reply) => void = () => undefined;
  #begun = false;

  constructor(response: ServerResponse) {
    this.#response = response;
    this.reply = new Promise((resolve) => {
      this.#begin = resolve;
    });
    this.#body.on('drain', () => response.emit('drain'));
    // A method that something else put there, such as a compressing middleware, comes back when this is over.
    const own = Object.entries(response).filter(([name]) => METHODS.includes(name));
    this.#own = Object.fromEntries(own);
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
      return;
    }
    for await (const chunk of body) {
      if (response.destroyed) return;
      if (!response.write(chunk)) await drained(response);
    }
    response.end();
  }

  /** Sends something else, at once. Whatever the handler may still write goes nowhere. */
  sendInstead(reply: Reply & { readonly body: Uint8Array }): void {
    void this.send(reply);
    this.#hold();
    this.#body.resume();
  }

  #hold(): void {
    const captured = {
      write: (chunk: unknown, ...rest: unknown[]): boolean => {
        this.#start();
        return this.#take(chunk, rest);
      },
      end: (...given: unknown[]): ServerResponse => {
        this.#start();
        const [chunk, ...rest] = given;
        const written = [...given].reverse().find((one) => typeof one === 'function') as Written | undefined;
        if (chunk !== undefined && chunk !== null && typeof chunk !== 'function')
          this.#take(
            chunk,
            rest.filter((one) => typeof one === 'string'),
          );
        if (!this.#body.writableEnded) this.#body.end(written);
        return this.#response;
      },
      writeHead: (status: number, ...rest: unknown[]): ServerResponse => {
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
    };
    Object.assign(this.#response, captured);
  }

  #letGo(): void {
    // Without a property of its own the response has the methods of its class again.
    for (const name of METHODS) Reflect.deleteProperty(this.#response, name);
    Object.assign(this.#response, this.#own);
  }

  #start(): void {
    if (this.#begun) return;
    this.#begun = true;
    const response = this.#response;
    const headers = response.getHeaderNames().flatMap((name): HeaderLine[] => {
      const value = response.getHeader(name);
      return (Array.isArray(value) ? value : [value]).map((one) => [name, String(one)]);
    });
    this.#begin({ status: response.statusCode, headers, body: this.#body });
  }

  /** False asks the writer to wait for `drain`. What comes after the end is left out. */
  #take(chunk: unknown, rest: readonly unknown[]): boolean {
    if (this.#body.writableEnded || this.#body.destroyed) return true;
    const encoding = rest.find((one) => typeof one === 'string') as BufferEncoding | undefined;
    const written = rest.find((one) => typeof one === 'function') as Written | undefined;
    return this.#body.write(chunk, encoding ?? 'utf8', written);
  }
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

async function drained(response: ServerResponse): Promise<void> {
  const stop = new AbortController();
  const { signal } = stop;
  await Promise.race([once(response, 'drain', { signal }), once(response, 'close', { signal })]).catch(
    () => undefined,
  );
  stop.abort();
}
