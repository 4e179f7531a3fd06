import { Readable } from 'node:stream';
import type { Broker } from '../../api/broker.js';
import { FlowInvalidArgumentError } from '../../errors.js';
import { Exchanges, type Exchange } from './exchanges.js';
import type { IdempotencyOptions } from './options.js';
import type { Reply } from './reply.js';
import type { IdempotencyContext } from './turn.js';

/** What answers a request, and reads it as if nobody had before. `context` is undefined for a request that takes no part: no key, or another method. */
export type IdempotentHandler = (
  request: Request,
  context: IdempotencyContext | undefined,
) => Response | PromiseLike<Response>;

/** See {@link idempotency}. */
export interface Idempotency {
  /**
   * Answers a request: runs `handler` for the first with its key, gives the kept answer to repetitions, and a problem
   * (`application/problem+json`) to those that cannot be answered. Resolves once the answer is kept in Redis, so that a repetition finds it. A
   * client that disconnects changes nothing, unless `abortOnDisconnect`. Rejects with what `handler`, `scope`, `fingerprint` or `storeStatus`
   * threw; a key whose handler threw is free again. A request whose body was read before, and not from a copy (`request.clone()`), is
   * refused with `ERR_FLOW_INVALID_ARGUMENT`, and nothing is done.
   *
   * @example
   * const response = await payments.handle(request, async (request, { key }) => Response.json(await charge(await request.json(), key)));
   */
  handle(request: Request, handler: IdempotentHandler): Promise<Response>;
}

/**
 * Requests that may be repeated: each `Idempotency-Key` of each caller is carried out once, in whichever process, as the IETF draft
 * (draft-ietf-httpapi-idempotency-key-header) describes. Speaks web-standard `Request` and `Response`; for Express, Fastify and Hono there
 * are `flowbroker/idempotency/express`, `/fastify` and `/hono`. Wrong options throw `ERR_FLOW_INVALID_ARGUMENT`.
 *
 * @example
 * const payments = idempotency(broker, { scope: (request) => tenantOf(request) });
 * export default { fetch: (request: Request) => payments.handle(request, pay) };
 */
export function idempotency(broker: Broker, options: IdempotencyOptions<Request>): Idempotency {
  const exchanges = new Exchanges<Request>(broker, options);
  return {
    async handle(request, handler) {
      const answer = await exchanges.answer(
        exchangeOf(request, request, exchanges.maxRequestBytes),
        async (context) => replyOf(await handler(request, context)),
      );
      return answer.kind === 'passed' ? handler(request, undefined) : responseOf(answer.reply);
    },
  };
}

export function exchangeOf<Message>(message: Message, request: Request, limit: number): Exchange<Message> {
  const { pathname, search } = new URL(request.url);
  return {
    message,
    method: request.method,
    target: pathname + search,
    keyField: request.headers.get('idempotency-key'),
    disconnected: request.signal,
    body: async () => {
      if (Number(request.headers.get('content-length') ?? 0) > limit) return 'body_too_large';
      if (request.bodyUsed || (request.body as ReadableStream | null)?.locked)
        throw new FlowInvalidArgumentError(
          'the body of the request was read before it could be compared: idempotency comes first, or what reads before it reads a copy (request.clone())',
        );
      // A copy is read, and the handler reads the request itself.
      const reader = (request.clone().body as ReadableStream<Uint8Array> | null)?.getReader();
      const chunks: Uint8Array[] = [];
      let bytes = 0;
      for (;;) {
        const next = await reader?.read();
        if (!next || next.done) return Buffer.concat(chunks);
        chunks.push(next.value);
        bytes += next.value.length;
        if (bytes <= limit) continue;
        // Not awaited: half of a cloned body is only canceled when the other half is.
        void reader?.cancel();
        return 'body_too_large';
      }
    },
  };
}

export function replyOf(response: Response): Reply {
  const { status, headers, body } = response;
  return {
    status,
    headers: [...headers],
    body: (body as AsyncIterable<Uint8Array> | null) ?? Buffer.alloc(0),
  };
}

const WITHOUT_BODY = [204, 205, 304];

export function responseOf({ status, headers, body }: Reply): Response {
  const lines = headers.map(([name, value]): [string, string] => [name, value]);
  const init = { status, headers: lines };
  if (WITHOUT_BODY.includes(status)) return new Response(null, init);
  if (body instanceof Uint8Array) return new Response(body, init);
  return new Response(Readable.toWeb(Readable.from(body, { objectMode: false })) as ReadableStream, init);
}
