import { Asking } from '../../../src/redis/asking.js';
import type { Timed } from '../../../src/redis/deadlines.js';

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

const settle = () => jest.advanceTimersByTimeAsync(0);

function bed({ harmless }: { harmless?: (answer: string) => boolean } = {}) {
  const copies: { answer(text: string): Promise<void>; fail(text: string): Promise<void> }[] = [];
  let repeat: Timed | undefined;
  const ended: string[] = [];
  const state = { ready: true };
  const asking = new Asking<string>(
    {
      ask: () =>
        new Promise((resolve, reject) => {
          copies.push({
            answer: (text) => (resolve(text), settle()),
            fail: (text) => (reject(new Error(text)), settle()),
          });
        }),
      recover: ({ message }) => {
        if (message === 'passing') return 100;
        return message === 'lost' ? () => Promise.resolve('elsewhere') : undefined;
      },
      later: (timed) => (repeat = timed),
      ready: () => state.ready,
      unanswered: (cause) => new Error(`late, ${String(cause)}`),
    },
    harmless,
  );
  asking.answer.then(
    (answer) => ended.push(answer),
    (error: unknown) => ended.push(String(error)),
  );
  asking.go();
  const expire = async (timed: Timed | undefined): Promise<void> => {
    if (timed?.done === false) {
      timed.done = true;
      timed.expire();
    }
    await settle();
  };
  return { copies, ended, state, overdue: () => expire(repeat), late: () => expire(asking.limit) };
}

it('ends with the first answer, whatever the other copies bring', async () => {
  const { copies, ended, overdue } = bed();
  await overdue();
  expect(copies).toHaveLength(2);
  await copies[1]!.answer('b');
  expect(ended).toEqual(['b']);
  await copies[0]!.answer('a');
  await overdue();
  expect([ended, copies.length]).toEqual([['b'], 2]);
});

it('sends a copy only where it would be sent at once, again and again', async () => {
  const { copies, state, overdue } = bed();
  state.ready = false;
  await overdue();
  expect(copies).toHaveLength(1);
  state.ready = true;
  await overdue();
  await overdue();
  expect(copies).toHaveLength(3);
});

it('goes on after an error as it is told to', async () => {
  const { copies, ended } = bed();
  await copies[0]!.fail('passing');
  await jest.advanceTimersByTimeAsync(100);
  await copies[1]!.fail('lost');
  expect(ended).toEqual(['elsewhere']);
  const other = bed();
  await other.copies[0]!.fail('for good');
  expect(other.ended).toEqual(['Error: for good']);
});

it('ends when its time is up, with what went wrong last', async () => {
  const { copies, ended, late, overdue } = bed();
  await copies[0]!.fail('passing');
  await late();
  expect(ended).toEqual(['Error: late, Error: passing']);
  await jest.advanceTimersByTimeAsync(1_000);
  await overdue();
  expect(copies).toHaveLength(1);
});

describe('where a copy must not run once it is answered', () => {
  const changing = { harmless: (answer: string) => answer === 'applied' };

  it('an answer that makes the others harmless ends it, and so does that of an only copy', async () => {
    const only = bed(changing);
    await only.copies[0]!.answer('not_found');
    expect(only.ended).toEqual(['not_found']);
    const two = bed(changing);
    await two.overdue();
    await two.copies[0]!.answer('applied');
    expect(two.ended).toEqual(['applied']);
  });

  it.each([
    ['applied', 'applied'],
    ['already_settled', 'not_found'],
  ])('another waits for the copies under way: %s makes it %s', async (second, outcome) => {
    const { copies, ended, overdue } = bed(changing);
    await overdue();
    await copies[0]!.answer('not_found');
    await overdue();
    expect([ended, copies.length]).toEqual([[], 2]);
    await copies[1]!.answer(second);
    expect(ended).toEqual([outcome]);
  });

  it('also when they fail, for a second at most, and not longer than its own time', async () => {
    const failing = bed(changing);
    await failing.overdue();
    await failing.copies[0]!.answer('not_found');
    await failing.copies[1]!.fail('passing');
    expect(failing.ended).toEqual(['not_found']);
    const hanging = bed(changing);
    await hanging.overdue();
    await hanging.copies[0]!.answer('not_found');
    await jest.advanceTimersByTimeAsync(999);
    expect(hanging.ended).toEqual([]);
    await jest.advanceTimersByTimeAsync(1);
    expect(hanging.ended).toEqual(['not_found']);
    const late = bed(changing);
    await late.overdue();
    await late.copies[0]!.answer('not_found');
    await late.late();
    expect(late.ended).toEqual(['not_found']);
  });
});
