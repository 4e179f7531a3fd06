import { Heartbeat } from '../../../src/waiters/heartbeat.js';

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

function bed({ everyMs = 5_000, searchMs = 500, delivers = true } = {}) {
  const told: string[] = [];
  const beats: string[] = [];
  const state = { delivers, fails: false };
  const heartbeat = new Heartbeat(everyMs, searchMs, {
    publish: (beat) => {
      beats.push(beat);
      if (state.fails) return Promise.reject(new Error('down'));
      if (state.delivers) heartbeat.hear(Buffer.from(beat));
      return Promise.resolve();
    },
    ping: () => told.push('ping'),
    heard: (missed) => told.push(missed ? 'heard after a miss' : 'heard'),
    missed: () => told.push('missed'),
  });
  return { heartbeat, told, beats, state, news: () => told.filter((word) => word !== 'ping') };
}

it('is not healthy before it heard itself, and tells once when it does', () => {
  const { heartbeat, news } = bed();
  expect(heartbeat.healthy).toBe(false);
  heartbeat.start();
  expect(heartbeat.healthy).toBe(true);
  jest.advanceTimersByTime(60_000);
  expect(news()).toEqual(['heard']);
});

it('beats every so often while it is heard, with a ping each time', () => {
  const { heartbeat, beats, told } = bed();
  heartbeat.start();
  jest.advanceTimersByTime(4_999);
  expect(beats).toEqual(['1']);
  jest.advanceTimersByTime(1);
  expect(beats).toEqual(['1', '2']);
  expect(told.filter((word) => word === 'ping')).toHaveLength(2);
});

it('notices a beat that did not come back, and searches until one does', () => {
  const { heartbeat, beats, state, news } = bed();
  heartbeat.start();
  state.delivers = false;
  jest.advanceTimersByTime(5_000);
  expect(heartbeat.healthy).toBe(true);
  jest.advanceTimersByTime(1_000);
  expect(heartbeat.healthy).toBe(false);
  const before = beats.length;
  jest.advanceTimersByTime(3_000);
  expect(beats.length).toBe(before + 2);
  state.delivers = true;
  jest.advanceTimersByTime(1_500);
  expect(news()).toEqual(['heard', 'missed', 'heard after a miss']);
});

it('takes a publish that fails for a beat that is not heard', async () => {
  const { heartbeat, state, news } = bed();
  heartbeat.start();
  state.fails = true;
  await jest.advanceTimersByTimeAsync(6_000);
  expect(news()).toEqual(['heard', 'missed']);
});

it('is not healthy by an old beat that comes late, nor by anything else that is said there', () => {
  const { heartbeat, state } = bed();
  heartbeat.start();
  state.delivers = false;
  jest.advanceTimersByTime(6_000);
  jest.advanceTimersByTime(500);
  for (const said of ['1', '2', '', 'x', '-1']) heartbeat.hear(Buffer.from(said));
  expect(heartbeat.healthy).toBe(false);
  heartbeat.hear(Buffer.from('3'));
  expect(heartbeat.healthy).toBe(true);
});

it('tells once that it lost the connection, and beats at once when told to', () => {
  const { heartbeat, news, beats } = bed();
  heartbeat.start();
  heartbeat.lose();
  heartbeat.lose();
  expect(news()).toEqual(['heard', 'missed']);
  heartbeat.beat();
  expect(beats).toEqual(['1', '2']);
  expect(news()).toEqual(['heard', 'missed', 'heard']);
});

it('judges a beat within its interval, when that is short', () => {
  const { heartbeat, state } = bed({ everyMs: 50 });
  heartbeat.start();
  state.delivers = false;
  jest.advanceTimersByTime(50);
  expect(heartbeat.healthy).toBe(true);
  jest.advanceTimersByTime(60);
  expect(heartbeat.healthy).toBe(false);
});

it('is silent, and without a timer, before start and after stop', () => {
  const { heartbeat, beats } = bed();
  heartbeat.beat();
  expect(beats).toEqual([]);
  heartbeat.start();
  heartbeat.start();
  expect(beats).toEqual(['1']);
  heartbeat.stop();
  expect(jest.getTimerCount()).toBe(0);
  heartbeat.beat();
  jest.advanceTimersByTime(60_000);
  expect(beats).toEqual(['1']);
});

describe('at rest', () => {
  it('beats no more, and stops for good at its next moment', () => {
    const { heartbeat, beats } = bed();
    heartbeat.start();
    heartbeat.rest();
    heartbeat.beat();
    jest.advanceTimersByTime(60_000);
    expect(beats).toEqual(['1']);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('goes on in its rhythm when it is started again', () => {
    const { heartbeat, beats } = bed();
    heartbeat.start();
    for (let at = 0; at < 1_000; at++) {
      heartbeat.rest();
      heartbeat.start();
    }
    expect(jest.getTimerCount()).toBe(1);
    jest.advanceTimersByTime(5_000);
    expect(beats).toEqual(['1', '2']);
    heartbeat.stop();
  });

  it('beats at once when it is started again after the connection was lost', () => {
    const { heartbeat, beats } = bed();
    heartbeat.start();
    heartbeat.rest();
    heartbeat.lose();
    expect(jest.getTimerCount()).toBe(0);
    heartbeat.start();
    expect(beats).toEqual(['1', '2']);
    heartbeat.stop();
  });

  it('is at rest only while it is heard', () => {
    const { heartbeat, state } = bed();
    state.delivers = false;
    heartbeat.start();
    heartbeat.rest();
    expect(jest.getTimerCount()).toBe(0);
  });
});
