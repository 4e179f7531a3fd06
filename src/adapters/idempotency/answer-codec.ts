import type { Codec, CodecPlace } from '../../contract/codec.js';
import { describeFlow, FlowCodecError } from '../../errors.js';
import type { KeptReply } from './reply.js';

/**
 * A codec that has encoded an answer before its flow is to end with it: a flow that ends with what cannot be encoded is failed, and its key
 * would be free although its request was carried out.
 */
export class AnswerCodec implements Codec {
  readonly #codec: Codec;
  readonly #maxBytes: number;
  readonly #prepared = new WeakMap<object, string | Uint8Array>();

  constructor(codec: Codec, maxBytes: number) {
    this.#codec = codec;
    this.#maxBytes = maxBytes;
  }

  /** The answer as it can be stored: without its body where the codec makes too much of it. Rejects with `ERR_FLOW_CODEC`. */
  prepare(kept: KeptReply, flow: { readonly type: string; readonly id: string }): KeptReply {
    const bytes = this.#encoded(kept, { ...flow, field: 'result' });
    if (Buffer.byteLength(bytes) > this.#maxBytes) return { ...kept, headers: [], body: undefined };
    this.#prepared.set(kept, bytes);
    return kept;
  }

  encode(value: unknown, place: CodecPlace): string | Uint8Array {
    const prepared = place.field === 'result' ? this.#prepared.get(value as KeptReply) : undefined;
    return prepared ?? this.#codec.encode(value, place);
  }

  decode(bytes: Buffer, place: CodecPlace): unknown {
    return this.#codec.decode(bytes, place);
  }

  #encoded(kept: KeptReply, place: CodecPlace): string | Uint8Array {
    try {
      const bytes: unknown = this.#codec.encode(kept, place);
      if (typeof bytes === 'string' || bytes instanceof Uint8Array) return bytes;
      throw new TypeError('the codec gave neither a string nor bytes');
    } catch (cause) {
      const text = `the answer of ${describeFlow(place)} cannot be encoded: ${String(cause)}`;
      throw new FlowCodecError(text, { flow: { type: place.type, id: place.id }, cause });
    }
  }
}
