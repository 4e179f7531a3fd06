import type { Figure } from '../figures.js';
import { Lookup, type Results } from './results.js';

const FLOW = 'flowbroker';
const PER_PROCESS = ['bentocache', 'async-cache-dedupe', 'cacheable'];
const IDLE = 100_000;
// Sixteen processes on fewer cores are switched between: that is the machine's part, which the floor shows as well.
const LINEAR = 1.1;
const IDEAL_MS = 200;

/** What must hold, beside what was measured; what was not measured is left out. */
export function bounds(results: Results): Figure[] {
  const had = new Lookup(results);
  const figures: Figure[] = [];
  const add = (
    name: string,
    unit: string,
    at: 'most' | 'least',
    bound: number,
    value: number | undefined,
    detail = '',
  ): void => {
    if (value !== undefined) figures.push({ name, unit, bound: { at, value: bound }, value, detail });
  };
  const beside = (
    work: 'wake' | 'throughput',
    figure: string,
    other: string,
    unit: string,
    at?: number,
  ): string =>
    [FLOW, other].map((name) => `${shown(had.value(work, figure, name, at))} ${unit}`).join(' beside ');

  const rate = 'flows a second';
  add(
    'open + complete, 256 in flight, vs BullMQ',
    'x',
    'least',
    10,
    had.ratio('throughput', rate, [FLOW, 'bullmq'], 256),
    beside('throughput', rate, 'bullmq', '/s', 256),
  );
  add(
    'open + complete, 256 in flight, vs the floor',
    'x',
    'least',
    1.4,
    had.ratio('throughput', rate, [FLOW, 'floor'], 256),
    beside('throughput', rate, 'floor', '/s', 256),
  );
  add(
    'wake p50 vs a bare PUBLISH',
    'x',
    'most',
    1.35,
    had.ratio('wake', 'p50', [FLOW, 'publish']),
    beside('wake', 'p50', 'publish', 'ms'),
  );
  add(
    'wake p99 vs a bare PUBLISH',
    'x',
    'most',
    2,
    had.ratio('wake', 'p99', [FLOW, 'publish']),
    beside('wake', 'p99', 'publish', 'ms'),
  );
  const caches = PER_PROCESS.map((name) => had.value('single-flight', 'handler runs', name)).filter(
    (one) => one !== undefined,
  );
  add(
    'handler runs, 8 processes x 25 callers',
    '',
    'most',
    1,
    had.value('single-flight', 'handler runs', FLOW),
    caches.length > 0 ? `the per-process caches: ${caches.join(', ')}` : '',
  );
  const last = had.value('handoff', 'from first to last', FLOW);
  add(
    'handoff of 20 x 10 ms vs ideal',
    'x',
    'most',
    1.25,
    last === undefined ? undefined : last / IDEAL_MS,
    `${shown(last)} ms`,
  );

  const idle = (figure: string): number | undefined => had.value('idle', figure, FLOW, IDLE);
  add('RSS with 100,000 idle waiters', 'MB', 'most', 400, idle('RSS of the process'));
  add(
    'their commands beyond heartbeat and re-read',
    '',
    'most',
    0,
    idle('other commands'),
    `${shown(idle('heartbeat'))} of the heartbeat and ${shown(idle('paced re-read'))} of the re-read a second`,
  );
  const back = [idle('resubscribed after a cut'), idle('re-read after a cut')];
  if (back[0] !== undefined && back[1] !== undefined)
    add(
      'after a cut: resubscribed and re-read',
      's',
      'most',
      5,
      Math.max(back[0], back[1]) / 1_000,
      back.map((ms) => `${shown(ms)} ms`).join(', '),
    );

  for (const [name, figure] of GROWTH)
    add(
      `growth: ${name}`,
      '',
      'most',
      LINEAR,
      had.slope('growth', figure, FLOW),
      'the power with which it grows; 1 is linear',
    );
  return figures;
}

const GROWTH = [
  ['opening idle waiters', 'opening idle waiters'],
  ['their memory in the client', 'client memory of idle waiters'],
  ['their memory in Redis', 'Redis memory of idle waiters'],
  ['CPU with the number of processes', 'CPU of all for the flows of all'],
] as const;

export function shown(value: number | undefined): string {
  if (value === undefined) return '–';
  if (Number.isInteger(value) && value < 1_000) return String(value);
  if (value >= 100) return Math.round(value).toLocaleString('en');
  return value >= 10 ? value.toFixed(1) : value.toFixed(2);
}
