import { Running } from '../running.js';
import { inTurn, type Sample } from './context.js';

const PROCESSES = 4;
const CONTENDERS = 20;
const WORK_MS = 10;

/** Twenty contenders in four processes, for 10 ms of exclusive work each. */
export const handoff = inTurn(async (entry, { server, label }) => {
  const processes = await Running.startAll(entry, server.url, PROCESSES);
  try {
    const contend = async (contenders: number) => {
      const given = { name: `turn-${label}`, contenders, workMs: WORK_MS };
      return (await Promise.all(processes.map((one) => one.ask('turns', given)))).flatMap(
        ({ turns }) => turns,
      );
    };
    await contend(1);
    const asked = performance.timeOrigin + performance.now();
    const turns = (await contend(CONTENDERS / PROCESSES)).sort(([a], [b]) => a - b);
    const sample = (figure: string, unit: string, value: number): Sample => ({
      work: 'handoff',
      contender: entry.name,
      figure,
      unit,
      value,
    });
    return [
      sample('from first to last', 'ms', Math.max(...turns.map(([, to]) => to)) - asked),
      sample('turns', '', turns.length),
      sample('overlaps', '', overlaps(turns)),
    ];
  } finally {
    await Promise.all(processes.map((one) => one.stop()));
  }
});

// Clocks of two processes agree no better.
const CLOCKS_MS = 2;

function overlaps(turns: readonly (readonly [number, number])[]): number {
  let [over, until] = [0, -Infinity];
  for (const [from, to] of turns) {
    if (from < until - CLOCKS_MS) over++;
    until = Math.max(until, to);
  }
  return over;
}
