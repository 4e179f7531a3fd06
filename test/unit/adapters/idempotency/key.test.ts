import { idempotencyFlowId, readKey } from '../../../../src/adapters/idempotency/key.js';

describe('a key', () => {
  it.each([
    ['"8e03978e-40d5-43dd-bc93-6894a57f9324"', '8e03978e-40d5-43dd-bc93-6894a57f9324'],
    ['  "a"  ', 'a'],
    ['"a b, c; d"', 'a b, c; d'],
    [String.raw`"say \"hi\" \\"`, String.raw`say "hi" \ `.trim()],
    ['"a";v=1;flag;t=tok/en;s="x;\\"y";b=:aGk=:;n=-1.5;q=?0', 'a'],
    [`"${'x'.repeat(255)}"`, 'x'.repeat(255)],
  ])('is a structured-field string: %s', (field, key) => {
    for (const bare of [true, false]) expect(readKey(field, bare)).toEqual({ kind: 'key', key });
  });

  it.each(['8e03978e-40d5-43dd-bc93-6894a57f9324', 'order_17/pay+1:a=b', '1', "it's"])(
    'may come bare, where that is taken: %s',
    (field) => {
      expect(readKey(field, true)).toEqual({ kind: 'key', key: field });
      expect(readKey(field, false)).toMatchObject({ kind: 'malformed' });
    },
  );

  it.each([undefined, null, '', '   '])('is missing: %p', (field) => {
    expect(readKey(field, true)).toEqual({ kind: 'missing' });
  });

  it.each([
    '"',
    '"a',
    'a"',
    '"a" "b"',
    '"a", "b"',
    'a, b',
    'a b',
    'a;b',
    String.raw`"a\b"`,
    String.raw`a\b`,
    '"ü"',
    'ü',
    '"a\tb"',
    '"a"; V=1',
    '"a";v=',
    '""',
    `"${'x'.repeat(256)}"`,
    'x'.repeat(256),
  ])('is malformed: %s', (field) => {
    expect(readKey(field, true)).toMatchObject({ kind: 'malformed' });
  });

  it('is read in time that grows with its length, whatever it holds', () => {
    const fields = [
      '"a"' + '; v="\\""'.repeat(2_000) + '!',
      '"' + '\\"'.repeat(8_000),
      ' '.repeat(16_000) + 'x y',
    ];
    for (const field of fields) expect(readKey(field, true)).toMatchObject({ kind: 'malformed' });
  });
});

it('has an id of its own in each scope, however scope and key are cut', () => {
  const ids = [
    ['a', 'bc'],
    ['ab', 'c'],
    ['', 'abc'],
    ['a"', '"bc'],
  ].map(([scope, key]) => idempotencyFlowId(scope!, key!));
  expect(new Set(ids).size).toBe(ids.length);
  expect(ids[0]).toMatch(/^[\w-]{43}$/);
  expect(idempotencyFlowId('a', 'bc')).toBe(ids[0]);
});
