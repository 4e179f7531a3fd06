import { createHash } from 'node:crypto';
import type { Broker } from '../../api/broker.js';
import type { JoinResult } from '../../api/calls.js';
import type { Flows } from '../../api/flows.js';
import { FlowInvalidArgumentError, isFlowError } from '../../errors.js';
import type { RunContext } from '../../features/run/plan.js';
import { AnswerCodec } from './answer-codec.js';
import { idempotencyFlowId, readKey } from './key.js';
import { idempotencySettings, type IdempotencyOptions, type IdempotencySettings } from './options.js';
import { problemReply, Refusal } from './problem.js';
import { replyCodec } from './reply-codec.js';
import { HEAD_BYTES, type KeptReply, type Reply } from './reply.js';
import { isNotKept, NotKept, Turn, Turns, type Execute } from './turn.js';

/** A request, of whatever framework. */
export interface Exchange<Message> {
  readonly message: Message;
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  /** The `Idempotency-Key` field. */
  readonly keyField: string | null | undefined;
  /** The body, or why it cannot be compared. */
  body(): Promise<Uint8Array | 'body_too_large' | 'body_unreadable'>;
  /** Aborts when the client disconnects. */
  readonly disconnected: AbortSignal;
}

/**
 * What to do with a request: `passed`: run the handler, it takes no part; `executed`: send what the handler answered; `replayed`: send this
 * answer of an earlier request; `refused`: send this problem.
 */
export type Answer =
  { readonly kind: 'passed' } | { readonly kind: 'executed' | 'replayed' | 'refused'; readonly reply: Reply };

interface Compared {
  readonly fingerprint: string;
}

// An answer that is not kept stays just long enough for those who wait for it to read it.
const SHARED_MS = 30_000;
const SEAL_BYTES = 256;
const REPLAYED = ['idempotency-replayed', 'true'] as const;

/** Answers requests: each key of each scope once. */
export class Exchanges<Message> {
  readonly #settings: IdempotencySettings<Message>;
  readonly #flows: Flows<KeptReply, Compared>;
  readonly #turns: Turns;
  readonly #codec: AnswerCodec;

  constructor(broker: Broker, options: IdempotencyOptions<Message>) {
    const settings = idempotencySettings(options);
    const { ttlMs, timeoutMs, leaseMs, maxAttempts, maxResponseBytes, codec = replyCodec } = settings;
    this.#settings = settings;
    this.#turns = Turns.of(broker);
    const maxPayloadBytes = maxResponseBytes + HEAD_BYTES + SEAL_BYTES;
    this.#codec = new AnswerCodec(codec, maxPayloadBytes);
    this.#flows = broker.define<KeptReply, Compared>(settings.type, {
      timeoutMs,
      leaseMs,
      maxAttempts,
      retentionMs: ttlMs,
      // A request that was cut off may have taken effect: it is answered as it ended, never begun anew.
      reuse: ['COMPLETED', 'CANCELED', 'TIMED_OUT'],
      codec: this.#codec,
      maxPayloadBytes,
    });
  }

  get maxRequestBytes(): number {
    return this.#settings.maxRequestBytes;
  }

  /** Rejects with what the handler threw, with what `scope` and the like threw, and for wrong use. */
  async answer(exchange: Exchange<Message>, execute: Execute): Promise<Answer> {
    const { methods, required, bareKeys, documentation } = this.#settings;
    if (!methods.includes(exchange.method.toUpperCase())) return { kind: 'passed' };
    const reading = readKey(exchange.keyField, bareKeys);
    if (reading.kind === 'missing') {
      const needed = typeof required === 'function' ? required(exchange.message) : required;
      if (!needed) return { kind: 'passed' };
      return { kind: 'refused', reply: problemReply('key_missing', documentation) };
    }
    try {
      if (reading.kind === 'malformed') throw new Refusal('key_malformed', { detail: reading.detail });
      const [id, fingerprint] = await Promise.all([
        this.#id(exchange, reading.key),
        this.#fingerprint(exchange),
      ]);
      const turn = new Turn({ key: reading.key, id }, fingerprint, this.#settings, execute);
      return await this.#coordinate(id, turn, exchange.disconnected);
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      return { kind: 'refused', reply: problemReply(error.problem, documentation, error.more) };
    }
  }

  async #id({ message }: Exchange<Message>, key: string): Promise<string> {
    const scope: unknown = await this.#settings.scope(message);
    if (typeof scope !== 'string')
      throw new FlowInvalidArgumentError(`scope must return a string, got ${typeof scope}`);
    return idempotencyFlowId(scope, key);
  }

  async #fingerprint(exchange: Exchange<Message>): Promise<string> {
    const body = await exchange.body();
    if (typeof body === 'string') throw new Refusal(body);
    const own: unknown = await this.#settings.fingerprint?.(exchange.message, body);
    if (own !== undefined && typeof own !== 'string')
      throw new FlowInvalidArgumentError(`fingerprint must return a string, got ${typeof own}`);
    const hash = createHash('sha256');
    if (own === undefined) hash.update(`${exchange.method} ${exchange.target}\n`).update(body);
    else hash.update(own);
    return hash.digest('base64url');
  }

  async #coordinate(id: string, turn: Turn, disconnected: AbortSignal): Promise<Answer> {
    const { abortOnDisconnect, onUnavailable } = this.#settings;
    const { fingerprint, leaving } = turn;
    const flow = `${this.#flows.type} ${id}`;
    const onJoin = ({ verdict, record }: JoinResult<KeptReply, Compared>): void => {
      turn.meet(record.metadata.fingerprint, verdict === 'joined');
    };
    try {
      this.#turns.add(flow, turn);
      const result = await this.#flows.run(
        id,
        (context) => this.#run(id, this.#turns.next(flow, fingerprint), context),
        {
          metadata: { fingerprint },
          onJoin,
          onUnavailable: onUnavailable === 'run' ? 'run' : 'throw',
          signal: abortOnDisconnect ? AbortSignal.any([leaving, disconnected]) : leaving,
        },
      );
      if (turn.fault) throw turn.fault.error;
      if (turn.reply && result === turn.kept) return { kind: 'executed', reply: turn.reply };
      return replayed(result);
    } catch (error) {
      return answerOf(error, turn);
    } finally {
      turn.stop();
      this.#turns.remove(flow, turn);
    }
  }

  /** The handler of `run`: resolves with what is to be kept; rejects with what is only for those who wait now. */
  async #run(id: string, turn: Turn | undefined, context: RunContext): Promise<KeptReply> {
    if (!turn) throw new NotKept(undefined);
    const { fence, coordinated } = context;
    if (!coordinated) return this.#turns.beginUncoordinated(`${this.#flows.type} ${id}`, turn, context);
    let kept: KeptReply;
    try {
      kept = await turn.begin(context);
    } catch (error) {
      // Failed by `run` itself it would stay for `ttlMs`; should this not work, it still is.
      await this.#flows.fail(id, error, { fence, retentionMs: SHARED_MS }).catch(() => undefined);
      throw error;
    }
    try {
      turn.kept = this.#codec.prepare(kept, { type: this.#flows.type, id });
      return turn.kept;
    } catch (error) {
      turn.fault ??= { error };
      // What was carried out is not to be repeated: a canceled flow stays, a failed one would not.
      await this.#flows.cancel(id, 'the answer could not be encoded', { fence }).catch(() => undefined);
      throw error;
    }
  }
}

function replayed(kept: KeptReply): Answer {
  const { status, headers, body } = kept;
  if (!body) throw new Refusal('answer_not_kept', { originalStatus: status });
  return { kind: 'replayed', reply: { status, headers: [...headers, REPLAYED], body } };
}

/** What a request gets that waited for an answer that is not kept. */
function shared({ data }: { readonly data?: KeptReply | undefined }): Answer {
  if (data?.body) return replayed(data);
  // One that was too large to be kept for them has ended all the same, and its key is free.
  throw new Refusal('first_request_failed', data && { originalStatus: data.status });
}

/** What a request gets whose flow did not end with a result. */
function answerOf(error: unknown, turn: Turn): Answer {
  if (turn.fault) throw turn.fault.error;
  // What the handler answered is true, whatever became of the flow; its client gets it.
  if (turn.reply) return { kind: 'executed', reply: turn.reply };
  if (turn.thrown) throw turn.thrown.error;
  if (isNotKept(error)) return shared(error);
  if (!isFlowError(error)) throw error;
  switch (error.code) {
    case 'ERR_FLOW_FAILED':
      return shared(error.cause as { readonly data?: KeptReply });
    case 'ERR_FLOW_UNAVAILABLE':
    case 'ERR_FLOW_CLOSED':
      throw new Refusal(turn.began ? 'outcome_unknown' : 'unavailable');
    case 'ERR_FLOW_OWNER_LOST':
    case 'ERR_FLOW_TIMED_OUT':
    case 'ERR_FLOW_CANCELED':
    case 'ERR_FLOW_DELETED':
    case 'ERR_FLOW_SUPERSEDED':
      throw new Refusal('outcome_unknown');
    default:
      throw error;
  }
}
