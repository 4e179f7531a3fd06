import { createSecretKey } from 'node:crypto';
import fc from 'fast-check';
import { FlowInvalidArgumentError, jsonCodec, sealedCodec, type CodecPlace } from '../../../src/index.js';

const PLACE: CodecPlace = { type: 'login', id: 'user-1', field: 'result' };
const KEY = Buffer.alloc(32, 7);
const OTHER = Buffer.alloc(32, 8);
const codec = sealedCodec({ keys: { now: KEY }, current: 'now' });

const seal = (value: unknown, place = PLACE, by = codec) => Buffer.from(by.encode(value, place));

it('brings every JSON value back, and undefined', () => {
  fc.assert(
    fc.property(fc.option(fc.jsonValue(), { nil: undefined }), (value) => {
      const expected: unknown = value === undefined ? undefined : JSON.parse(JSON.stringify(value));
      expect(codec.decode(seal(value), PLACE)).toEqual(expected);
    }),
  );
});

it('shows nothing of the value, and never seals twice alike', () => {
  const one = seal('a very secret token');
  expect(one.includes('secret')).toBe(false);
  expect(one.equals(seal('a very secret token'))).toBe(false);
});

it('opens nothing in which one byte was changed', () => {
  const sealed = seal({ token: 'x' });
  for (let at = 0; at < sealed.length; at++) {
    for (const flip of [0x01, 0x80, 0xff]) {
      const changed = Buffer.from(sealed);
      changed[at] = (changed[at] as number) ^ flip;
      expect(() => codec.decode(changed, PLACE)).toThrow();
    }
  }
});

it('opens nothing that was cut short or made longer', () => {
  const sealed = seal('x');
  for (let length = 0; length < sealed.length; length++) {
    expect(() => codec.decode(sealed.subarray(0, length), PLACE)).toThrow();
  }
  expect(() => codec.decode(Buffer.concat([sealed, Buffer.from([0])]), PLACE)).toThrow();
});

it.each([
  ['type', { ...PLACE, type: 'other' }],
  ['id', { ...PLACE, id: 'user-2' }],
  ['field', { ...PLACE, field: 'metadata' as const }],
])('opens nothing that was moved to another %s', (_what, place) => {
  expect(() => codec.decode(seal('x'), place)).toThrow();
  expect(codec.decode(seal('x', place), place)).toBe('x');
});

it('refuses another key of the same id, and names a key that it does not have', () => {
  const imposter = sealedCodec({ keys: { now: OTHER }, current: 'now' });
  const stranger = sealedCodec({ keys: { then: KEY }, current: 'then' });
  expect(() => imposter.decode(seal('x'), PLACE)).toThrow();
  expect(() => stranger.decode(seal('x'), PLACE)).toThrow(
    'sealed with the key "now", which is not among the keys given',
  );
});

it('is bound to the id of its key, even where two ids name the same key', () => {
  const twice = sealedCodec({ keys: { a1: KEY, a2: KEY }, current: 'a1' });
  const sealed = seal('x', PLACE, twice);
  expect(sealed.toString('latin1', 2, 4)).toBe('a1');
  sealed.write('a2', 2, 'latin1');
  expect(() => twice.decode(sealed, PLACE)).toThrow();
});

it('rotates: the new key seals, the old one still opens until it is dropped', () => {
  const both = sealedCodec({ keys: { now: KEY, next: OTHER }, current: 'next' });
  const after = sealedCodec({ keys: { next: OTHER }, current: 'next' });
  const old = seal('old');
  expect(both.decode(old, PLACE)).toBe('old');
  expect(after.decode(seal('new', PLACE, both), PLACE)).toBe('new');
  expect(() => after.decode(old, PLACE)).toThrow('"now"');
  expect(() => codec.decode(seal('new', PLACE, both), PLACE)).toThrow('"next"');
});

it('reads an error in plain JSON, but no result and no metadata', () => {
  const plain = Buffer.from('{"name":"OwnerLostError","message":"gone"}');
  expect(codec.decode(plain, { ...PLACE, field: 'error' })).toEqual({
    name: 'OwnerLostError',
    message: 'gone',
  });
  expect(() => codec.decode(plain, PLACE)).toThrow('not a sealed value');
  expect(() => codec.decode(plain, { ...PLACE, field: 'metadata' })).toThrow('not a sealed value');
});

it('takes keys as bytes and as base64, and another codec beneath', () => {
  const base64 = sealedCodec({ keys: { now: KEY.toString('base64') }, current: 'now' });
  expect(base64.decode(seal('x'), PLACE)).toBe('x');
  const shouting = {
    encode: (value: unknown) => String(value).toUpperCase(),
    decode: (bytes: Buffer) => bytes.toString(),
  };
  const over = sealedCodec({ keys: { now: KEY }, current: 'now', codec: shouting });
  expect(over.decode(seal('x', PLACE, over), PLACE)).toBe('X');
});

it('passes on what the codec beneath refuses', () => {
  expect(() => seal({ at: new Date(0) })).toThrow('a Date at at');
  expect(() => codec.encode(NaN, PLACE)).toThrow(TypeError);
  expect(jsonCodec.encode(1, PLACE)).toBe('1');
});

it.each<[string, object]>([
  ['a current key that is not there', { keys: { a: KEY }, current: 'b' }],
  ['no current key', { keys: { a: KEY } }],
  ['a key that is too short', { keys: { a: KEY.subarray(1) }, current: 'a' }],
  ['a key that is too long', { keys: { a: Buffer.alloc(33) }, current: 'a' }],
  ['base64 of the wrong length', { keys: { a: 'c2hvcnQ=' }, current: 'a' }],
  ['a key id with a space', { keys: { 'a b': KEY }, current: 'a b' }],
  ['an empty key id', { keys: { '': KEY }, current: '' }],
  ['a key id of 65 characters', { keys: { ['x'.repeat(65)]: KEY }, current: 'x'.repeat(65) }],
  ['a key that is a number', { keys: { a: 5 }, current: 'a' }],
  ['a key that is a KeyObject', { keys: { a: createSecretKey(KEY) }, current: 'a' }],
  ['keys that are none', { keys: null, current: 'a' }],
])('refuses %s', (_what, options) => {
  expect(() => sealedCodec(options as Parameters<typeof sealedCodec>[0])).toThrow(FlowInvalidArgumentError);
});
