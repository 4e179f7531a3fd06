import { Running } from '../running.js';
import { inTurn, type Sample } from './context.js';

const PROCESSES = 8;
const CALLERS = 25;
const HANDLER_MS = 400;

/** Eight processes with 25 callers each want the same 400 ms of work at the same moment. */
export const singleFlight = inTurn(async (entry, { server, label }) => {
  const processes = await Running.startAll(entry, server.url, PROCESSES);
  try {
    const call = (id: string, handlerMs: number) =>
      Promise.all(processes.map((one) => one.ask('callers', { id, callers: CALLERS, handlerMs })));
    await call(`warm-${label}`, 1);
    const all = await call(`once-${label}`, HANDLER_MS);
    const sample = (figure: string, unit: string, value: number): Sample => ({
      work: 'single-flight',
      contender: entry.name,
      figure,
      unit,
      value,
    });
    return [
      sample(
        'handler runs',
        '',
        all.reduce((sum, { runs }) => sum + runs, 0),
      ),
      sample('distinct answers', '', new Set(all.flatMap(({ answers }) => answers)).size),
      sample('slowest caller', 'ms', Math.max(...all.map(({ slowestMs }) => slowestMs))),
    ];
  } finally {
    await Promise.all(processes.map((one) => one.stop()));
  }
});
