import type { Context, Env, MiddlewareHandler } from 'hono';
import type { Broker } from '../../api/broker.js';
import { Exchanges, type Answer, type Exchange } from './exchanges.js';
import type { IdempotencyOptions } from './options.js';
import type { IdempotencyContext } from './turn.js';
import { exchangeOf, replyOf, responseOf } from './web.js';

const contexts = new WeakMap<object, IdempotencyContext>();

/**
 * A middleware for Hono 4: what follows it is run once for each `Idempotency-Key` of each caller, and repetitions get its answer.
 * Mount it after authentication, on the routes that need it. The answer is held back until it is kept in Redis. An error that
 * `app.onError` turns into a 5xx is not kept. A body that a validator has read before is compared as Hono has it. See `idempotency` of `flowbroker/idempotency` for what it promises.
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
    const restore = (): void => {
      if (!before) return;
      // Of what the handler answered nothing is to be seen; of what was set before it, by CORS for one, everything.
      c.res = undefined;
      c.res = new Response(null, { headers: before });
    };
    let answer: Answer;
    try {
      answer = await exchanges.answer(exchangeOfContext(c, exchanges.maxRequestBytes), async (context) => {
        contexts.set(c, context);
        before = new Headers(c.res.headers);
        await next();
        return replyOf(c.res);
      });
    } catch (error) {
      restore();
      throw error;
    }
    if (answer.kind === 'passed') return next();
    if (answer.kind !== 'executed') restore();
    c.res = responseOf(answer.reply);
  };
}

/** What a validator or another middleware has read through Hono before is in Hono's cache; the handler finds it there too. */
function exchangeOfContext<E extends Env>(c: Context<E>, limit: number): Exchange<Context<E>> {
  const unread = exchangeOf(c, c.req.raw, limit);
  const { bodyCache } = c.req;
  if (Object.keys(bodyCache).length === 0) return unread;
  return {
    ...unread,
    body: async () => {
      // Its bytes differ each time it is sent, or written anew: in the boundary between its parts.
      const form = Object.keys(bodyCache).includes('formData');
      const bytes = form ? await bytesOfForm(await c.req.formData()) : Buffer.from(await c.req.arrayBuffer());
      return bytes.length > limit ? 'body_too_large' : bytes;
    },
  };
}

async function bytesOfForm(form: FormData): Promise<Buffer> {
  const parts: Buffer[] = [];
  for (const [name, value] of form) {
    const file = typeof value === 'string' ? undefined : value;
    const bytes = file ? Buffer.from(await file.arrayBuffer()) : Buffer.from(value as string);
    parts.push(Buffer.from(JSON.stringify([name, file?.name, file?.type, bytes.length])), bytes);
  }
  return Buffer.concat(parts);
}

/** What the handler of a request may want to know: its key, attempt, fence and signal. Undefined for a request that takes no part. */
export function contextOf(c: Context): IdempotencyContext | undefined {
  return contexts.get(c);
}
