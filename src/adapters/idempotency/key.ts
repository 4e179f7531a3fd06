import { createHash } from 'node:crypto';

/** The most characters a key may have. */
export const MAX_KEY_LENGTH = 255;

// An sf-string of RFC 9651, and parameters, which have no meaning for this field and are ignored as that RFC says.
const ITEM = String.raw`(?:\?[01]|-?\d{1,15}(?:\.\d{1,3})?|"(?:[ !#-\[\]-~]|\\["\\])*"|:[A-Za-z0-9+/=]*:|[A-Za-z*][\w!#$%&'*+.^|~:/${'`'}-]*)`;
const QUOTED = new RegExp(
  String.raw`^ *"((?:[ !#-\[\]-~]|\\["\\])*)"(?:; *[a-z*][a-z0-9_.*-]*(?:=${ITEM})?)* *$`,
);
// What clients send that do not know of structured fields: a UUID, say. No quote, comma, semicolon, backslash or space.
const BARE = /^[!#-+\--:<-[\]-~]+$/;

/** The key of an `Idempotency-Key` field, or why there is none. */
export type KeyReading =
  | { readonly kind: 'key'; readonly key: string }
  | { readonly kind: 'missing' }
  | { readonly kind: 'malformed'; readonly detail: string };

/** Reads the field as the draft wants it, a structured-field string; and a bare key, if `bare`. Both spellings are one key. */
export function readKey(field: string | null | undefined, bare: boolean): KeyReading {
  const text = field?.trim() ?? '';
  if (text === '') return { kind: 'missing' };
  const quoted = QUOTED.exec(text)?.[1];
  const key = quoted?.replace(/\\(["\\])/g, '$1') ?? (bare && BARE.test(text) ? text : undefined);
  if (key === undefined)
    return { kind: 'malformed', detail: 'Idempotency-Key must be one string in double quotes.' };
  if (key === '' || key.length > MAX_KEY_LENGTH)
    return {
      kind: 'malformed',
      detail: `Idempotency-Key must have 1 to ${String(MAX_KEY_LENGTH)} characters.`,
    };
  return { kind: 'key', key };
}

/**
 * The id of the flow that stands for a key: a hash, for scope and key may be long, or private. With it an operator can look at a
 * key, or free one whose outcome is unknown, once it is known.
 *
 * @example
 * const keys = broker.define('idempotency', { codec: replyCodec });
 * await keys.delete(idempotencyFlowId('tenant-7', '8e03978e-40d5'));
 */
export function idempotencyFlowId(scope: string, key: string): string {
  return createHash('sha256')
    .update(JSON.stringify([scope, key]))
    .digest('base64url');
}
