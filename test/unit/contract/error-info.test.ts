import { errorInfoFrom, errorInfoOf, rebuildError } from '../../../src/contract/error-info.js';

it('takes name, message, code and data of an error, and never its stack', () => {
  const error = Object.assign(new RangeError('too far'), { code: 'E_FAR', data: { at: 3 }, secret: 'x' });
  expect(errorInfoOf(error)).toStrictEqual({
    name: 'RangeError',
    message: 'too far',
    code: 'E_FAR',
    data: { at: 3 },
  });
});

it('makes a string of a code that is a number, and leaves out one that is neither', () => {
  expect(errorInfoOf(Object.assign(new Error('x'), { code: 404 })).code).toBe('404');
  expect(errorInfoOf(Object.assign(new Error('x'), { code: {} }))).toStrictEqual({
    name: 'Error',
    message: 'x',
  });
});

it('keeps data that is null or false', () => {
  expect(errorInfoOf({ message: 'm', data: null })).toStrictEqual({
    name: 'Error',
    message: 'm',
    data: null,
  });
  expect(errorInfoOf({ message: 'm', data: false }).data).toBe(false);
});

it.each([
  ['a string', 'no', 'no'],
  ['undefined', undefined, 'undefined'],
  ['null', null, 'null'],
  ['a number', 7, '7'],
  ['a bigint', 7n, '7'],
  ['a symbol', Symbol('s'), 'Symbol(s)'],
])('makes an error of %s that was thrown', (_what, thrown, message) => {
  expect(errorInfoOf(thrown)).toStrictEqual({ name: 'Error', message });
});

it.each([
  ['nothing', {}],
  ['other types', { name: 1, message: 2 }],
  ['empty names', { name: '' }],
])('makes do with an object that has %s', (_what, thrown) => {
  expect(errorInfoOf(thrown)).toStrictEqual({ name: 'Error', message: '' });
});

it('rebuilds an error that reads as the original did', () => {
  const info = { name: 'OAuthError', message: 'invalid_grant', code: '400', data: { hint: 'rotated' } };
  const error = rebuildError(info);
  expect(error).toBeInstanceOf(Error);
  expect(String(error)).toBe('OAuthError: invalid_grant');
  expect(error).toMatchObject({ code: '400', data: { hint: 'rotated' } });
  expect(Object.keys(error)).toEqual(['code', 'data']);
  expect(errorInfoOf(error)).toStrictEqual(info);
});

it('rebuilds no code and no data where there were none', () => {
  const error = rebuildError({ name: 'Error', message: 'x' });
  expect('code' in error || 'data' in error).toBe(false);
});

it.each([
  ['an object', { name: 'A', message: 'b', code: 'C', other: 1 }, { name: 'A', message: 'b', code: 'C' }],
  ['a string', 'why', { name: 'Error', message: 'why' }],
  ['undefined', undefined, { name: 'Error', message: 'no reason was given' }],
  ['null', null, { name: 'Error', message: 'no reason was given' }],
  ['a number', 5, { name: 'Error', message: 'no reason was given' }],
])('reads %s that another language stored', (_what, stored, info) => {
  expect(errorInfoFrom(stored)).toStrictEqual(info);
});
