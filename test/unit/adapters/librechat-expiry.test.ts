import { expiryOf } from '../../../src/adapters/librechat/expiry.js';
import { normalizeExpiresAt } from '../../../src/adapters/librechat.js';

it.each([
  [1_700_000_000, 1_700_000_000_000],
  [1_700_000_000_000, 1_700_000_000_000],
  [9_999_999_999, 9_999_999_999_000],
  [10_000_000_000, 10_000_000_000],
  [0, 0],
])('takes %d for %d ms', (given, ms) => {
  expect(normalizeExpiresAt(given)).toBe(ms);
  expect(expiryOf({ expires_at: given })).toBe(ms);
});

it('takes what is before the epoch for long over, and what no clock reaches for the last instant', () => {
  expect(expiryOf({ expires_at: -1 })).toBe(0);
  expect(expiryOf({ expires_at: Number.MAX_VALUE })).toBe(Number.MAX_SAFE_INTEGER);
});

it.each([
  undefined,
  null,
  'x',
  7,
  {},
  { expires_at: NaN },
  { expires_at: Infinity },
  { expires_at: '1' },
  { expires_at: null },
])('finds no expiry in %p', (result) => {
  expect(expiryOf(result)).toBeUndefined();
});
