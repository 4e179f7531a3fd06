import { createCipheriv, createDecipheriv, createSecretKey, randomBytes, type KeyObject } from 'node:crypto';
import { FlowInvalidArgumentError } from '../errors.js';
import { jsonCodec, type Codec, type CodecPlace } from './codec.js';

/** Keys for {@link sealedCodec}. */
export interface SealedCodecOptions {
  /** Key ids (1 to 64 of A-Z a-z 0-9 _ . -) to keys of 32 bytes, as bytes or as base64. All of them open what they sealed. */
  readonly keys: Readonly<Record<string, Uint8Array | string>>;
  /** The id of the key that seals. */
  readonly current: string;
  /** What turns values into bytes before they are sealed; default {@link jsonCodec}. */
  readonly codec?: Codec;
}

const VERSION = 1;
const NONCE = 12;
const TAG = 16;
const OPENING_BRACE = 0x7b;
const KEY_ID = /^[A-Za-z0-9_.-]{1,64}$/;

/**
 * A codec that keeps results, metadata and errors secret in Redis: AES-256-GCM, a fresh nonce for each value, bound to the
 * flow's type, id and field, so that bytes copied elsewhere do not open.
 *
 * To rotate: add the new key everywhere, then make it `current` everywhere, then drop the old one once the longest
 * retention has passed. An error in plain JSON (from a script, or a client without the key) is read as it is.
 *
 * Layout: version 1, length of the key id, key id, 12 bytes nonce, 16 bytes tag, ciphertext.
 *
 * @example
 * const codec = sealedCodec({ keys: { '2026-11': process.env.FLOW_KEY! }, current: '2026-11' });
 * const logins = broker.define<Tokens>('mcp_oauth', { codec });
 */
export function sealedCodec(options: SealedCodecOptions): Codec {
  const inner = options.codec ?? jsonCodec;
  if (typeof options.keys !== 'object' || (options.keys as unknown) === null)
    throw new FlowInvalidArgumentError('keys must be an object: key ids to keys');
  const keys = new Map(Object.entries(options.keys).map(([id, key]) => [id, keyOf(id, key)]));
  const current = keys.get(options.current);
  if (!current)
    throw new FlowInvalidArgumentError(
      `current must be one of the keys, got ${JSON.stringify(options.current)}`,
    );
  const keyId = Buffer.from(options.current);

  return {
    encode(value, place) {
      const nonce = randomBytes(NONCE);
      const head = Buffer.concat([Buffer.from([VERSION, keyId.length]), keyId]);
      const cipher = createCipheriv('aes-256-gcm', current, nonce).setAAD(boundTo(head, place));
      const sealed = Buffer.concat([cipher.update(Buffer.from(inner.encode(value, place))), cipher.final()]);
      return Buffer.concat([head, nonce, cipher.getAuthTag(), sealed]);
    },
    decode(bytes, place) {
      if (place.field === 'error' && bytes[0] === OPENING_BRACE) return inner.decode(bytes, place);
      const headLength = 2 + (bytes[1] ?? 0);
      if (bytes[0] !== VERSION || bytes.length < headLength + NONCE + TAG)
        throw new TypeError('not a sealed value');
      const head = bytes.subarray(0, headLength);
      const id = head.toString('utf8', 2);
      const key = keys.get(id);
      if (!key)
        throw new TypeError(`sealed with the key ${JSON.stringify(id)}, which is not among the keys given`);
      const nonce = bytes.subarray(headLength, headLength + NONCE);
      const tag = bytes.subarray(headLength + NONCE, headLength + NONCE + TAG);
      const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG });
      decipher.setAAD(boundTo(head, place)).setAuthTag(tag);
      const open = Buffer.concat([
        decipher.update(bytes.subarray(headLength + NONCE + TAG)),
        decipher.final(),
      ]);
      return inner.decode(open, place);
    },
  };
}

function boundTo(head: Buffer, place: CodecPlace): Buffer {
  return Buffer.concat([head, Buffer.from(`${place.type}\0${place.id}\0${place.field}`)]);
}

function keyOf(id: string, key: Uint8Array | string): KeyObject {
  if (!KEY_ID.test(id))
    throw new FlowInvalidArgumentError(
      `a key id must be 1 to 64 of A-Z a-z 0-9 _ . -, got ${JSON.stringify(id)}`,
    );
  if (typeof key !== 'string' && !((key as unknown) instanceof Uint8Array))
    throw new FlowInvalidArgumentError(`key ${id} must be bytes or base64, got ${typeof key}`);
  const bytes = typeof key === 'string' ? Buffer.from(key, 'base64') : Buffer.from(key);
  if (bytes.length !== 32)
    throw new FlowInvalidArgumentError(`key ${id} must have 32 bytes, got ${String(bytes.length)}`);
  return createSecretKey(bytes);
}
