import { scripts } from '../../../src/contract/scripts.js';
import { ScriptCall, type ScriptEnds } from '../../../src/redis/script-runner.js';

function call(ends: Partial<ScriptEnds> = {}) {
  const told: unknown[] = [];
  const tell = (what: unknown): void => void told.push(what);
  const all = { unanswered: () => new Error('no answer'), ...ends };
  return { told, call: new ScriptCall(scripts.read, ['key'], ['PUBLISH', 'large'], tell, tell, all) };
}

it('tells the first that comes, reply or error, and nothing after it', () => {
  const { call: one, told } = call();
  one.answer('reply');
  one.answer(new Error('late'));
  expect(told).toEqual(['reply']);
});

it('holds nothing of what it asked, nor who asked, once it is answered: its deadline may be far', () => {
  const { call: one, told } = call();
  one.answer('reply');
  expect([...one.keys, ...one.values]).toEqual([]);
  one.resolve('again');
  one.reject('again');
  expect(told).toEqual(['reply']);
});

it('shows a call that is lost as it was asked to whoever goes on with it', () => {
  const seen: unknown[] = [];
  const { call: one, told } = call({
    lost: ({ keys, values, resolve }) => {
      seen.push(keys, values);
      setImmediate(resolve, 'from elsewhere');
      return true;
    },
  });
  one.answer(new Error('lost'));
  expect(seen).toEqual([['key'], ['PUBLISH', 'large']]);
  expect(told).toEqual([]);
  return new Promise((resolve) => setImmediate(resolve)).then(() => {
    expect(told).toEqual(['from elsewhere']);
  });
});
