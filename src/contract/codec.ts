/** Where a value stands; a codec may bind what it encodes to it. */
export interface CodecPlace {
  readonly type: string;
  readonly id: string;
  readonly field: 'metadata' | 'result' | 'error';
}

/**
 * Turns results, metadata and error objects into bytes and back. Both directions are synchronous; whatever they throw
 * reaches the caller as `cause` of an `ERR_FLOW_CODEC`.
 */
export interface Codec {
  encode(value: unknown, place: CodecPlace): string | Uint8Array;
  decode(bytes: Buffer, place: CodecPlace): unknown;
}

/**
 * The default codec: JSON, and nothing that JSON would change on the way. `undefined` is a value (empty bytes). A Date, Map,
 * Set, BigInt, typed array, function, NaN, an object with `toJSON` and the like are refused with the path to them, so that
 * the process that ran a handler and those that only waited see the same value. Properties that are undefined are left out.
 */
export const jsonCodec: Codec = {
  encode(value) {
    if (value === undefined) return '';
    refuseLossy(value, '', []);
    return JSON.stringify(value);
  },
  decode(bytes) {
    return bytes.length === 0 ? undefined : (JSON.parse(bytes.toString('utf8')) as unknown);
  },
};

function refuseLossy(value: unknown, path: string, above: object[]): void {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return;
    case 'number':
      if (!Number.isFinite(value)) throw lossy(path, String(value));
      return;
    case 'object':
      if (value !== null) refuseLossyObject(value, path, above);
      return;
    default:
      throw lossy(path, `a ${typeof value}`);
  }
}

function refuseLossyObject(value: object, path: string, above: object[]): void {
  if (above.includes(value)) throw lossy(path, 'a reference to an object around it');
  above.push(value);
  if (Array.isArray(value)) {
    for (let at = 0; at < value.length; at++) refuseLossy(value[at], `${path}[${String(at)}]`, above);
  } else {
    if ('toJSON' in value || ArrayBuffer.isView(value) || REPLACED.some((kind) => value instanceof kind)) {
      throw lossy(path, `a ${value.constructor.name}`);
    }
    for (const name of Object.keys(value)) {
      const inner = (value as Record<string, unknown>)[name];
      if (inner !== undefined) refuseLossy(inner, path === '' ? name : `${path}.${name}`, above);
    }
  }
  above.pop();
}

const REPLACED = [Map, Set, WeakMap, WeakSet, RegExp, Promise, ArrayBuffer, Error] as const;

function lossy(path: string, what: string): TypeError {
  return new TypeError(`JSON cannot carry ${what}${path === '' ? '' : ` at ${path}`}`);
}
