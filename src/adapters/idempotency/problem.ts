import { STATUS_CODES } from 'node:http';
import type { Reply } from './reply.js';

/** Every answer that comes from here and not from the handler. */
export const PROBLEMS = {
  key_missing: {
    status: 400,
    title: 'Idempotency-Key is missing',
    detail:
      'This operation needs an Idempotency-Key header: a new one for each new operation, the same one for a repetition.',
  },
  key_malformed: { status: 400, title: 'Idempotency-Key is malformed', detail: '' },
  in_progress: {
    status: 409,
    title: 'A request with this Idempotency-Key is still at work',
    detail: 'Repeat the request later, with the same key, to get its answer.',
    retryAfter: 1,
  },
  body_too_large: {
    status: 413,
    title: 'The body is too large to be compared',
    detail: 'Nothing was done.',
  },
  body_unreadable: {
    status: 415,
    title: 'The body has a type that is not read here',
    detail: 'Nothing was done. No body parser of this server took the body, so it could not be compared.',
  },
  key_reused: {
    status: 422,
    title: 'Idempotency-Key was used with another request',
    detail: 'Another method, path or body came with this key before. Use a new key for a new operation.',
  },
  first_request_failed: {
    status: 500,
    title: 'The request that this one waited for failed',
    detail: 'Its answer is not kept: the request may be repeated with the same key.',
  },
  outcome_unknown: {
    status: 500,
    title: 'The outcome of the first request is unknown',
    detail:
      'The request with this Idempotency-Key was interrupted: it may or may not have taken effect, and is not repeated. Find out before you use a new key.',
  },
  answer_not_kept: {
    status: 500,
    title: 'The answer was too large to be kept',
    detail:
      'The request with this Idempotency-Key was carried out, and is not repeated. Its answer cannot be given again.',
  },
  unavailable: {
    status: 503,
    title: 'Repetitions cannot be recognized at the moment',
    detail: 'This request did nothing. Repeat it with the same key.',
    retryAfter: 1,
  },
} as const;

/** What tells the problems apart, stable and made for programs: the member `code` of the body. */
export type IdempotencyProblemCode = keyof typeof PROBLEMS;

/** A problem as RFC 9457 wants it. `more` is added to the body. */
export function problemReply(
  code: IdempotencyProblemCode,
  documentation: string | undefined,
  more: Record<string, unknown> = {},
): Reply {
  const problem: { status: number; title: string; detail: string; retryAfter?: number } = PROBLEMS[code];
  const { status, detail, retryAfter } = problem;
  // The RFC's wish: a problem without a page of its own is titled like its status.
  const kind =
    documentation === undefined
      ? { type: 'about:blank', title: STATUS_CODES[status] }
      : { type: `${documentation}#${code}`, title: problem.title };
  const body = Buffer.from(JSON.stringify({ ...kind, status, detail, code, ...more }));
  const headers: [string, string][] = [
    ['content-type', 'application/problem+json'],
    ['cache-control', 'no-store'],
  ];
  if (retryAfter !== undefined) headers.push(['retry-after', String(retryAfter)]);
  if (documentation !== undefined) headers.push(['link', `<${documentation}>; rel="describedby"`]);
  return { status, headers, body };
}

/** Ends one request with a problem. */
export class Refusal extends Error {
  readonly problem: IdempotencyProblemCode;
  readonly more: Record<string, unknown> | undefined;

  constructor(problem: IdempotencyProblemCode, more?: Record<string, unknown>) {
    super(PROBLEMS[problem].title);
    this.problem = problem;
    this.more = more;
  }
}
