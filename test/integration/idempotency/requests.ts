import { randomUUID } from 'node:crypto';
import {
  idempotency,
  type Idempotency,
  type IdempotencyOptions,
} from '../../../src/adapters/idempotency/index.js';
import type { Broker } from '../../../src/index.js';
import { latch } from '../../helpers/until.js';

export interface PostOptions {
  readonly key?: string | null | undefined;
  readonly body?: string | undefined;
  readonly path?: string | undefined;
  readonly method?: string | undefined;
  readonly tenant?: string | undefined;
  readonly headers?: Record<string, string> | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A POST with a key of its own, unless one is given; null for none. */
export function post(options: PostOptions = {}): Request {
  const {
    key = `"${randomUUID()}"`,
    tenant = 'acme',
    path = '/payments',
    method = 'POST',
    headers,
  } = options;
  return new Request(`http://shop.test${path}`, {
    method,
    headers: { 'x-tenant': tenant, ...(key === null ? {} : { 'idempotency-key': key }), ...headers },
    ...(method === 'GET' ? {} : { body: options.body ?? '{"amount":1200}' }),
    ...(options.signal ? { signal: options.signal } : {}),
  });
}

export function payments(broker: Broker, options: Partial<IdempotencyOptions<Request>> = {}): Idempotency {
  return idempotency(broker, {
    scope: (request) => request.headers.get('x-tenant') ?? '',
    leaseMs: 600_000,
    timeoutMs: 600_000,
    ...options,
  });
}

/** A handler that counts, says when it began, and answers when it is told. */
export function held() {
  const began = latch<AbortSignal | undefined>();
  const end = latch<Response>();
  let runs = 0;
  return {
    began: began.opened,
    end,
    get runs() {
      return runs;
    },
    handler: (_request: Request, context?: { readonly signal: AbortSignal }): Promise<Response> => {
      runs++;
      began.open(context?.signal);
      return end.opened;
    },
  };
}

export const never = (): never => {
  throw new Error('this handler must not run');
};

export async function problemOf(
  response: Response,
): Promise<{ status: number; code: string; type: string | null }> {
  const type = response.headers.get('content-type');
  const { code, status } = (await response.json()) as { code: string; status: number };
  expect(status).toBe(response.status);
  return { status: response.status, code, type };
}

/** What `problemOf` gives for it. */
export const problem = (status: number, code: string) => ({ status, code, type: 'application/problem+json' });
