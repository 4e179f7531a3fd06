import type { Context, Env, MiddlewareHandler } from 'hono';
import type { Broker } from '../../api/broker.js';
import { Exchanges } from './exchanges.js';
import type { IdempotencyOptions } from './options.js';
import type { IdempotencyContext } from './turn.js';
import { exchangeOf, replyOf, responseOf } from './web.js';

const contexts = new WeakMap<object, IdempotencyContext>();

/**
 * A middleware for Hono 4: what follows it is run once for each `Idempotency-Key` of each caller, and repetitions get its answer.
 * Mount it after authentication, on the routes that need it. The answer is held back until it is kept in Redis. An error that
 * `app.onError` turns into a 5xx is not kept. See `idempotency` of `flowbroker/idempotency` for what it promises.
 *
 * @example
 * app.post('/payments', idempotency(broker, { scope: (c) => c.get('tenant') }), pay);
 */
export function idempotency<E extends Env = Env>(
  broker: Broker,
  options: IdempotencyOptions<Context<E>>,
): MiddlewareHandler<E> {
  const exchanges = new Exchanges<Context<E>>(broker, options);
  return async (c, next) => {
    let before: Headers | undefined;
    const answer = await exchanges.answer(
      exchangeOf<Context<E>>(c, c.req.raw, exchanges.maxRequestBytes),
      async (context) => {
        contexts.set(c, context);
        before = new Headers(c.res.headers);
        await next();
        return replyOf(c.res);
      },
    );
    if (answer.kind === 'passed') return next();
    const response = responseOf(answer.reply);
    if (before && answer.kind !== 'executed') {
      // Of what the handler answered nothing is to be seen; of what was set before it, by CORS for one, everything.
      c.res = undefined;
      c.res = new Response(null, { headers: before });
    }
    c.res = response;
  };
}

/** What the handler of a request may want to know: its key, attempt, fence and signal. Undefined for a request that takes no part. */
export function contextOf(c: Context): IdempotencyContext | undefined {
  return contexts.get(c);
}
