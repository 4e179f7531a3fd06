import fc from 'fast-check';
import { jsonCodec } from '../../../src/index.js';

const PLACE = { type: 't', id: 'i', field: 'result' } as const;
const encode = (value: unknown) => jsonCodec.encode(value, PLACE);
const roundTrip = (value: unknown) => jsonCodec.decode(Buffer.from(encode(value)), PLACE);

class Plain {
  readonly value = 1;
}

it('brings every JSON value back as it was', () => {
  fc.assert(
    fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
      expect(roundTrip(value)).toEqual(JSON.parse(JSON.stringify(value)));
    }),
  );
});

it('carries undefined as no bytes at all', () => {
  expect(encode(undefined)).toBe('');
  expect(roundTrip(undefined)).toBeUndefined();
});

it.each([null, false, 0, '', [], {}, '\ud800', '\u0000'])('keeps %j apart from undefined', (value) => {
  expect(roundTrip(value)).toEqual(value);
});

it('leaves out properties that are undefined', () => {
  expect(roundTrip({ a: undefined, b: { c: undefined } })).toStrictEqual({ b: {} });
});

it('takes an object of a class by its own properties, and one without a prototype', () => {
  expect(roundTrip(new Plain())).toEqual({ value: 1 });
  expect(roundTrip(Object.assign(Object.create(null) as object, { a: 1 }))).toEqual({ a: 1 });
});

it('takes the same object twice, side by side', () => {
  const shared = { a: 1 };
  expect(roundTrip([shared, shared, { shared }])).toEqual([{ a: 1 }, { a: 1 }, { shared: { a: 1 } }]);
});

const LOSSY: readonly [what: string, value: unknown, named: string][] = [
  ['NaN', NaN, 'NaN'],
  ['Infinity', Infinity, 'Infinity'],
  ['-Infinity', -Infinity, '-Infinity'],
  ['a bigint', 1n, 'a bigint'],
  ['a symbol', Symbol('s'), 'a symbol'],
  ['a function', () => undefined, 'a function'],
  ['a Date', new Date(0), 'a Date'],
  ['a Map', new Map(), 'a Map'],
  ['a Set', new Set(), 'a Set'],
  ['a WeakMap', new WeakMap(), 'a WeakMap'],
  ['a WeakSet', new WeakSet(), 'a WeakSet'],
  ['a RegExp', /x/, 'a RegExp'],
  ['an Error', new RangeError('x'), 'a RangeError'],
  ['a Promise', Promise.resolve(), 'a Promise'],
  ['an ArrayBuffer', new ArrayBuffer(1), 'a ArrayBuffer'],
  ['a Uint8Array', new Uint8Array(1), 'a Uint8Array'],
  ['a Buffer', Buffer.from('x'), 'a Buffer'],
  ['a DataView', new DataView(new ArrayBuffer(1)), 'a DataView'],
  ['a URL', new URL('http://a'), 'a URL'],
  ['an object with toJSON', { toJSON: () => 1 }, 'a Object'],
];

describe.each(LOSSY)('%s', (_what, value, named) => {
  it('is refused by name', () => {
    expect(() => encode(value)).toThrow(new TypeError(`JSON cannot carry ${named}`));
  });

  it('is refused with the path to it', () => {
    const deep = { list: [0, { 'a b': value }] };
    expect(() => encode(deep)).toThrow(new TypeError(`JSON cannot carry ${named} at list[1].a b`));
    expect(() => encode([[value]])).toThrow(new TypeError(`JSON cannot carry ${named} at [0][0]`));
  });
});

it('refuses undefined in an array, and a hole, which would come back as null', () => {
  expect(() => encode([1, undefined])).toThrow('at [1]');
  // eslint-disable-next-line no-sparse-arrays -- the hole is what is tested
  expect(() => encode([1, , 2])).toThrow('at [1]');
});

it('refuses an object within itself, with the path to it', () => {
  const around: Record<string, unknown> = { a: {} };
  around['a'] = { b: [around] };
  expect(() => encode(around)).toThrow('a reference to an object around it at a.b[0]');
});

it('throws for bytes that are no JSON', () => {
  expect(() => jsonCodec.decode(Buffer.from('{'), PLACE)).toThrow(SyntaxError);
});
