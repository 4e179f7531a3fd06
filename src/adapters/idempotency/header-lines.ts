import type { OutgoingHttpHeader, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { HeaderLine } from './reply.js';

/** Headers as Node and Fastify give them. */
export type HeadersSet = Readonly<Record<string, OutgoingHttpHeader | undefined>>;

/** One line for each value. */
export function linesOf(headers: HeadersSet): HeaderLine[] {
  return Object.entries(headers).flatMap(([name, value]) =>
    value === undefined ? [] : [value].flat().map((one): HeaderLine => [name, String(one)]),
  );
}

/** Sets headers as `writeHead` takes them: an object, pairs, or names and values in turn. */
export function setHeaders(response: ServerResponse, headers: unknown): void {
  if (!Array.isArray(headers)) {
    for (const [name, value] of Object.entries((headers ?? {}) as OutgoingHttpHeaders))
      if (value !== undefined) response.setHeader(name, value);
    return;
  }
  const pairs = pairsOf(headers as unknown[]);
  for (const [name] of pairs) response.removeHeader(name);
  for (const [name, value] of pairs)
    response.appendHeader(name, Array.isArray(value) ? value.map(String) : String(value));
}

function pairsOf(headers: readonly unknown[]): [name: string, value: unknown][] {
  if (Array.isArray(headers[0])) return headers as [string, unknown][];
  const pairs: [string, unknown][] = [];
  for (let at = 0; at + 1 < headers.length; at += 2) pairs.push([String(headers[at]), headers[at + 1]]);
  return pairs;
}

/** What Node throws at one who sets a header too late. */
export function headersSentError(verb: string): Error {
  const error = new Error(`Cannot ${verb} headers after they are sent to the client`);
  return Object.assign(error, { code: 'ERR_HTTP_HEADERS_SENT' });
}

/** Refuses a status that Node refuses, before it is kept. */
export function checkStatus(status: number): void {
  if (Number.isInteger(status) && status >= 100 && status <= 999) return;
  const error = new RangeError(`Invalid status code: ${String(status)}`);
  throw Object.assign(error, { code: 'ERR_HTTP_INVALID_STATUS_CODE' });
}
