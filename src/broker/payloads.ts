import { jsonCodec, type Codec, type CodecPlace } from '../contract/codec.js';
import { errorInfoFrom, type ErrorInfo } from '../contract/error-info.js';
import { describeFlow, FlowCodecError, FlowPayloadTooLargeError, type FlowName } from '../errors.js';

/** Values to bytes and back for one definition, with its limit; what cannot be is refused before anything is sent. */
export class Payloads {
  readonly #codec: Codec;
  readonly #maxBytes: number;

  constructor(codec: Codec, maxBytes: number) {
    this.#codec = codec;
    this.#maxBytes = maxBytes;
  }

  encode(flow: FlowName, field: CodecPlace['field'], value: unknown): string | Buffer {
    let encoded: string | Uint8Array;
    try {
      encoded = this.#codec.encode(value, { type: flow.type, id: flow.id, field });
    } catch (error) {
      throw new FlowCodecError(`${field} of ${describeFlow(flow)} cannot be encoded: ${messageOf(error)}`, {
        flow,
        cause: error,
      });
    }
    if (typeof encoded !== 'string' && !(encoded instanceof Uint8Array)) {
      throw new FlowCodecError(
        `${field} of ${describeFlow(flow)} cannot be encoded: the codec gave neither a string nor bytes`,
        { flow },
      );
    }
    const bytes = typeof encoded === 'string' ? Buffer.byteLength(encoded) : encoded.length;
    if (bytes > this.#maxBytes) {
      throw new FlowPayloadTooLargeError(
        `${field} of ${describeFlow(flow)} has ${String(bytes)} bytes, more than maxPayloadBytes (${String(this.#maxBytes)})`,
        { flow },
      );
    }
    return typeof encoded === 'string' || Buffer.isBuffer(encoded) ? encoded : Buffer.from(encoded);
  }

  decode(flow: FlowName, field: 'metadata' | 'result', bytes: Buffer): unknown {
    try {
      return this.#codec.decode(bytes, { type: flow.type, id: flow.id, field });
    } catch (error) {
      throw new FlowCodecError(`${field} of ${describeFlow(flow)} cannot be decoded: ${messageOf(error)}`, {
        flow,
        cause: error,
      });
    }
  }

  /** `plain` is what a script wrote itself: JSON, whatever the codec. */
  decodeError(flow: FlowName, bytes: Buffer | undefined, plain: boolean): ErrorInfo {
    if (!bytes || bytes.length === 0) return errorInfoFrom(undefined);
    try {
      return errorInfoFrom(
        (plain ? jsonCodec : this.#codec).decode(bytes, { type: flow.type, id: flow.id, field: 'error' }),
      );
    } catch (error) {
      throw new FlowCodecError(`error of ${describeFlow(flow)} cannot be decoded: ${messageOf(error)}`, {
        flow,
        cause: error,
      });
    }
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
