import type { IncomingMessage, ServerResponse } from 'node:http';
import { CapturedResponse, linesOf, type HeadersSet } from './captured-response.js';
import type { Answer, Exchange, Exchanges } from './exchanges.js';
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

/** Takes one request through; never rejects. */
export async function answerOnNode<Message extends object>(
  exchanges: Exchanges<Message>,
  given: NodeExchange<Message>,
): Promise<void> {
  const { message, request, response, target, next } = given;
  const leaving = new AbortController();
  const onClose = (): void => {
    if (!response.writableFinished) leaving.abort(new Error('the client disconnected'));
  };
  response.once('close', onClose);
  const exchange: Exchange<Message> = {
    message,
    method: request.method ?? 'GET',
    target,
    keyField: request.headersDistinct['idempotency-key']?.join(', '),
    disconnected: leaving.signal,
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
  } catch (error) {
    // A handler that broke off its answer has nobody to hear of it but the client.
    if (captured) response.destroy();
    else next(error);
    return;
  }
  if (answer.kind === 'passed') next();
  else if (answer.kind === 'executed') await captured?.send(answer.reply).catch(() => response.destroy());
  else {
    const reply = answer.reply as Reply & { readonly body: Uint8Array };
    if (captured) captured.sendInstead({ ...reply, headers: over(before, reply.headers) });
    else given.reply(reply);
  }
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
