import type { FastifyReply, FastifyRequest, HookHandlerDoneFunction } from 'fastify';
import type { Broker } from '../../api/broker.js';
import { Exchanges } from './exchanges.js';
import { answerOnNode, contextOfMessage } from './node.js';
import type { IdempotencyOptions } from './options.js';
import { byName } from './reply.js';
import type { IdempotencyContext } from './turn.js';

/** A `preHandler` of a Fastify route. */
export type IdempotencyHook = (
  request: FastifyRequest,
  reply: FastifyReply,
  done: HookHandlerDoneFunction,
) => void;

/**
 * A `preHandler` for Fastify 4 and 5: the handler of its route is run once for each `Idempotency-Key` of each caller, and repetitions get its
 * answer. It comes after parsing and validation, so an invalid body uses up no key. The answer is held back until it is kept in Redis. An error
 * that becomes a 5xx is not kept. See `idempotency` of `flowbroker/idempotency` for what it promises.
 *
 * The body is compared as it was parsed; set `request.rawBody` (the plugin `fastify-raw-body`) to compare its bytes.
 *
 * @example
 * app.post('/payments', { preHandler: idempotency(broker, { scope: (request) => String(request.headers['x-tenant']) }) }, pay);
 */
export function idempotency(broker: Broker, options: IdempotencyOptions<FastifyRequest>): IdempotencyHook {
  const exchanges = new Exchanges<FastifyRequest>(broker, options);
  return (request, reply, done) => {
    answerOnNode(exchanges, {
      message: request,
      request: request.raw,
      response: reply.raw,
      target: request.originalUrl,
      parsed: request.body,
      raw: (request as { readonly rawBody?: unknown }).rawBody,
      next: (error) => {
        done(error as Error | undefined);
      },
      headers: () => reply.getHeaders(),
      restore: (before) => {
        for (const name of Object.keys(reply.getHeaders())) reply.removeHeader(name);
        for (const [name, values] of byName(before)) void reply.header(name, values);
      },
      reply: ({ status, headers, body }) => {
        void reply.code(status);
        for (const [name, values] of byName(headers)) void reply.header(name, values);
        void reply.send(body.length === 0 ? undefined : Buffer.from(body));
      },
    });
  };
}

/** What the handler of a request may want to know: its key, attempt, fence and signal. Undefined for a request that takes no part. */
export function contextOf(request: FastifyRequest): IdempotencyContext | undefined {
  return contextOfMessage(request);
}
