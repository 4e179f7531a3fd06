/** What is wrong for an option that wants a whole number, besides what is out of its own bounds. */
export const NO_WHOLE_NUMBERS: readonly unknown[] = [
  null,
  '1',
  true,
  {},
  [],
  () => 1,
  1n,
  Symbol('n'),
  NaN,
  Infinity,
  -Infinity,
  -1,
  1.5,
  1e300,
  Number.MAX_SAFE_INTEGER + 1,
];
export const NO_OBJECTS: readonly unknown[] = [null, 'x', 5, true, [], () => ({}), Symbol('o'), 1n];
export const NO_FUNCTIONS: readonly unknown[] = [null, 'x', 5, true, {}, []];
export const NO_SIGNALS: readonly unknown[] = [
  null,
  0,
  '',
  'x',
  true,
  {},
  new AbortController(),
  { aborted: false },
];
export const NO_STATUS_LISTS: readonly unknown[] = [
  null,
  'COMPLETED',
  5,
  {},
  ['DONE'],
  ['completed'],
  [null],
  [1n],
  ['COMPLETED', undefined],
];
/** Ten years, and one more. */
export const TOO_LONG = 315_360_000_001;
