import type { IncomingMessage, ServerResponse } from 'node:http';
import { CapturedResponse } from './captured-response.js';
import type { Answer, Exchange, Exchanges } from './exchanges.js';
import { linesOf, type HeadersSet } from './header-lines.js';
import { byName, type HeaderLine, type Reply } from './reply.js';
import type { IdempotencyContext } from './turn.js';

/** What a framework on Node's HTTP server gives for one request. */
export interface NodeExchange<Message> {
  readonly message: Message;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly target: string;
  /** What a body parser made of the body. */
  readonly parsed: unknown;
  /** The body as it came, where the application keeps it. */
  readonly raw: unknown;
  /** The headers that were set so far, by CORS for one: an answer that takes the place of the handler's has them too. */
  readonly headers: () => HeadersSet;
  /** Has the framework forget the headers that were set since; these were before. */
  readonly restore?: (before: readonly HeaderLine[]) => void;
  /** Lets the framework go on to the handler. */
  readonly next: (error?: unknown) => void;
  /** Answers in the framework's own way. */
  readonly reply: (reply: Reply & { readonly body: Uint8Array }) => void;
}

const contexts = new WeakMap<object, IdempotencyContext>();

/** What `contextOf` of the wrappers gives. */
export function contextOfMessage(message: object): IdempotencyContext | undefined {
  return contexts.get(message);
}

/** Takes one request through. Never throws: what fails goes to the framework, and where that fails too, the connection is broken. */
export function answerOnNode<Message extends object>(
  exchanges: Exchanges<Message>,
  given: NodeExchange<Message>,
): void {
  take(exchanges, given)
    .catch((error: unknown) => {
      given.next(error);
    })
    .catch(() => {
      given.response.destroy();
    });
}

async function take<Message extends object>(
  exchanges: Exchanges<Message>,
  given: NodeExchange<Message>,
): Promise<void> {
  const { message, request, response, target, next } = given;
  const exchange: Exchange<Message> = {
    message,
    method: request.method ?? 'GET',
    target,
    keyField: request.headersDistinct['idempotency-key']?.join(', '),
    disconnected: disconnection(response),
    body: () => Promise.resolve(bytesOf(given)),
  };
  let captured: CapturedResponse | undefined;
  let before: readonly HeaderLine[] = [];
  let answer: Answer;
  try {
    answer = await exchanges.answer(exchange, (context) => {
      contexts.set(message, context);
      before = linesOf(given.headers());
      captured = new CapturedResponse(response);
      next();
      return captured.reply;
    });
    if (answer.kind === 'executed') {
      await captured?.send(answer.reply);
      return;
    }
  } catch (error) {
    if (captured?.breakIfBroken()) return;
    if (captured?.gone && error === exchange.disconnected.reason) return;
    if (captured) {
      captured.giveBack(before);
      given.restore?.(before);
    }
    if (response.headersSent && !response.writableEnded) response.destroy();
    throw error;
  }
  if (answer.kind === 'passed') {
    next();
    return;
  }
  const reply = answer.reply as Reply & { readonly body: Uint8Array };
  if (captured) captured.sendInstead({ ...reply, headers: over(before, reply.headers) });
  else if (!response.destroyed || response.headersSent) given.reply(reply);
}

/** Aborts when the client is gone before it has its answer. */
function disconnection(response: ServerResponse): AbortSignal {
  const leaving = new AbortController();
  const leave = (): void => {
    if (!response.writableFinished) leaving.abort(new Error('the client disconnected'));
  };
  if (response.destroyed) leave();
  else response.once('close', leave);
  return leaving.signal;
}

/** The second headers, and of the first those that are not among them. */
function over(first: readonly HeaderLine[], second: readonly HeaderLine[]): HeaderLine[] {
  const names = byName(second);
  return [...first.filter(([name]) => !names.has(name.toLowerCase())), ...second];
}

function bytesOf({ request, parsed, raw }: NodeExchange<unknown>): Uint8Array | 'body_unreadable' {
  for (const whole of [raw, parsed]) {
    if (whole instanceof Uint8Array) return whole;
    if (typeof whole === 'string') return Buffer.from(whole);
  }
  const { 'content-length': length, 'transfer-encoding': chunked } = request.headers;
  const empty = chunked === undefined && Number(length ?? 0) === 0;
  // Express 4 says {} for a body that no parser took.
  const nothing = parsed === undefined || Object.keys(Object(parsed) as object).length === 0;
  if (!empty && nothing && !request.readableDidRead) return 'body_unreadable';
  // The same bytes give the same value, and the same value the same text.
  return Buffer.from(parsed === undefined ? '' : JSON.stringify(parsed));
}
