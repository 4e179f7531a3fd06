import { Running } from '../running.js';
import { BYTES, inTurn, type Sample } from './context.js';

const IN_FLIGHT = [1, 16, 256, 2_048];

/** Flows a second that one process opens, completes and hears of, so many in flight. */
export const throughput = inTurn(async (entry, { server, quick, label }) => {
  const running = await Running.start(entry, server.url, 'both');
  const flows = (name: string, inFlight: number, ms: number) =>
    running.ask('throughput', { label: `${name}-${label}-${inFlight}`, inFlight, bytes: BYTES, ms });
  try {
    const polls = entry.pollMs !== undefined;
    if (!polls) await flows('warm', 256, quick ? 500 : 2_000);
    const samples: Sample[] = [];
    for (const inFlight of IN_FLIGHT) {
      // What polls is through after one flow for each in flight.
      const had = await flows('many', inFlight, polls ? 1 : quick ? 500 : 3_000);
      samples.push({
        work: 'throughput',
        contender: entry.name,
        figure: 'flows a second',
        unit: '/s',
        at: inFlight,
        value: had.flows / (had.ms / 1_000),
      });
    }
    return samples;
  } finally {
    await running.stop();
  }
});
