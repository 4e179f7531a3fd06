import { jsonCodec, type Codec } from '../../contract/codec.js';
import type { ErrorInfo } from '../../contract/error-info.js';
import type { HeaderLine, KeptReply } from './reply.js';

const LENGTH_BYTES = 4;
const OPENING_BRACE = 0x7b;

/**
 * How kept answers are stored: four bytes with the length of the head, the head in JSON, then the body as it is. An error may carry
 * an answer as `data` in the same way. Metadata is plain JSON.
 */
export const replyCodec: Codec = {
  encode(value, place) {
    if (place.field === 'metadata') return jsonCodec.encode(value, place);
    if (place.field === 'result') return pack(headOf(value as KeptReply), (value as KeptReply).body);
    const { data, ...info } = value as ErrorInfo & { readonly data?: KeptReply };
    return pack(data ? { ...info, reply: headOf(data) } : info, data?.body);
  },
  decode(bytes, place) {
    // An error may be plain JSON: of a script, or of an operator who canceled the flow without this codec.
    const plain = place.field === 'error' && bytes[0] === OPENING_BRACE;
    if (place.field === 'metadata' || plain) return jsonCodec.decode(bytes, place);
    const { head, body } = unpack(bytes);
    if (place.field === 'result') return replyOf(head as ReplyHead, body);
    const { reply, ...info } = head as ErrorInfo & { readonly reply?: ReplyHead };
    return reply ? { ...info, data: replyOf(reply, body) } : info;
  },
};

interface ReplyHead {
  readonly status: number;
  readonly headers: readonly HeaderLine[];
  readonly large?: true;
}

function headOf({ status, headers, body }: KeptReply): ReplyHead {
  return { status, headers, ...(body ? {} : { large: true }) };
}

function replyOf({ status, headers, large }: ReplyHead, body: Buffer): KeptReply {
  return { status, headers, body: large ? undefined : body };
}

function pack(head: object, body: Buffer | undefined): Buffer {
  const text = Buffer.from(JSON.stringify(head));
  const length = Buffer.alloc(LENGTH_BYTES);
  length.writeUInt32BE(text.length);
  return Buffer.concat(body ? [length, text, body] : [length, text]);
}

function unpack(bytes: Buffer): { head: unknown; body: Buffer } {
  const end = bytes.length < LENGTH_BYTES ? Infinity : LENGTH_BYTES + bytes.readUInt32BE();
  if (end > bytes.length) throw new TypeError('not an answer that replyCodec encoded');
  return {
    head: JSON.parse(bytes.toString('utf8', LENGTH_BYTES, end)),
    body: bytes.subarray(end),
  };
}
