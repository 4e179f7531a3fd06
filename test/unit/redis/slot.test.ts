import fc from 'fast-check';
import { slotOf } from '../../../src/redis/slot.js';

/** As the Cluster specification says it, bit by bit. */
function specified(key: string): number {
  const tag = /^[^{]*\{([^}]+)\}/.exec(key)?.[1];
  let crc = 0;
  for (const byte of Buffer.from(tag ?? key)) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1) & 0xffff;
  }
  return crc % 16_384;
}

it.each([
  ['123456789', 12_739],
  ['foo', 12_182],
  ['{foo}bar', 12_182],
  ['flow:{foo}:timer', 12_182],
] as const)('of %s is %i', (key, slot) => {
  expect(slotOf(key)).toBe(slot);
});

it('is that of what stands in the first braces, of any bytes', () => {
  const text = fc.oneof(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'binary-ascii' }));
  fc.assert(
    fc.property(text, text, (one, other) => {
      for (const key of [one, `${one}{${other}}`, `{${one}}${other}`, `{}${other}`, `{${one}`])
        expect(slotOf(key)).toBe(specified(key));
    }),
  );
});
