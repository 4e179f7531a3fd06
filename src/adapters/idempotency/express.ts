import type { Request, RequestHandler } from 'express';
import type { Broker } from '../../api/broker.js';
import { Exchanges } from './exchanges.js';
import { answerOnNode, contextOfMessage } from './node.js';
import type { IdempotencyOptions } from './options.js';
import { byName } from './reply.js';
import type { IdempotencyContext } from './turn.js';

/**
 * A middleware for Express 4 and 5: what follows it is run once for each `Idempotency-Key` of each caller, and repetitions get its answer.
 * Mount it after the body parser and authentication, on the routes that need it. The answer is held back until it is kept in Redis. An
 * error that your error handler turns into a 5xx is not kept. See `idempotency` of `flowbroker/idempotency` for what it promises.
 *
 * The body is compared as it was parsed; set `request.rawBody` (the `verify` option of `express.json`) to compare its bytes.
 *
 * @example
 * app.post('/payments', express.json(), idempotency(broker, { scope: (request) => request.get('x-tenant') ?? '' }), pay);
 */
export function idempotency(broker: Broker, options: IdempotencyOptions<Request>): RequestHandler {
  const exchanges = new Exchanges<Request>(broker, options);
  return (request, response, next) => {
    answerOnNode(exchanges, {
      message: request,
      request,
      response,
      target: request.originalUrl,
      parsed: request.body as unknown,
      raw: (request as { readonly rawBody?: unknown }).rawBody,
      next,
      headers: () => response.getHeaders(),
      reply: ({ status, headers, body }) => {
        response.status(status);
        for (const [name, values] of byName(headers)) response.setHeader(name, values);
        response.end(body);
      },
    });
  };
}

/** What the handler of a request may want to know: its key, attempt, fence and signal. Undefined for a request that takes no part. */
export function contextOf(request: Request): IdempotencyContext | undefined {
  return contextOfMessage(request);
}
