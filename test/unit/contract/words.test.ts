import fc from 'fast-check';
import { Words } from '../../../src/contract/words.js';

const words = (text: string) => new Words(Buffer.from(text, 'latin1'));

it('reads numbers, words and dashes in their order', () => {
  const read = words('1 1795405910326522 - me.1 -');
  expect([read.number(), read.number()]).toEqual([1, 1_795_405_910_326_522]);
  expect([read.numberOrNone(), read.wordOrNone(), read.wordOrNone()]).toEqual([undefined, 'me.1', undefined]);
  expect(read.over).toBe(true);
});

it.each(['', ' 1', 'x', '1x', '-1', '1.5', '1e3', '0x10'])('takes %p for no number', (text) => {
  expect(words(text).number()).toBeNaN();
});

it('takes a dash for nothing only where it stands alone', () => {
  expect(words('-1').wordOrNone()).toBe('-1');
  expect(words('-').wordOrNone()).toBeUndefined();
  expect(words('--').numberOrNone()).toBeNaN();
});

it('knows a word only whole, and leaves any other to be read', () => {
  const known = ['DELETED', 'DELE'] as const;
  expect(words('DELETED').oneOf(known)).toBe('DELETED');
  expect(words('DELE 1').oneOf(known)).toBe('DELE');
  const longer = words('DELETED2 7');
  expect(longer.oneOf(known)).toBeUndefined();
  expect([longer.word(), longer.number()]).toEqual(['DELETED2', 7]);
  expect(words('DEL').oneOf(known)).toBeUndefined();
});

it('stops where it is told to', () => {
  const read = new Words(Buffer.from('1 22\n33 4'), 0, 4);
  expect([read.number(), read.number(), read.over, read.number()]).toEqual([1, 22, true, NaN]);
});

it('reads back whatever was written', () => {
  const word = fc.stringMatching(/^[A-Za-z0-9_.:][A-Za-z0-9_.:-]{0,20}$/);
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.maxSafeNat(), word), { minLength: 1 }), (pairs) => {
      const read = words(pairs.map(([number, text]) => `${number} ${text}`).join(' '));
      expect(pairs.map(() => [read.number(), read.word()])).toEqual(pairs);
      expect(read.over).toBe(true);
    }),
  );
});
