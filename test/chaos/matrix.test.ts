import { buildPorcupine } from './checker/linearizable.js';
import { play } from './play.js';
import { complaints, lineOf } from './report.js';

const SECONDS = 2;
const FAULTS = [
  ...['none', 'kill-restart-empty', 'kill-restart-aof', 'stop-server', 'stop-owner', 'stop-waiter'],
  ...['kill-connections', 'delay', 'drop', 'drop-messages', 'half-open', 'reset'],
];

let porcupine: Awaited<ReturnType<typeof buildPorcupine>>;
beforeAll(async () => {
  porcupine = await buildPorcupine();
}, 200_000);

// The seed is printed with the line: what fails here is looked into by `npm run chaos` with the same.
const seed = Date.now() % 1_000_000;

it.each(FAULTS)(
  'keeps its promises on one server under %s',
  async (fault) => {
    const options = { topology: 'standalone', fault, seconds: SECONDS, seed };
    const played = await play(options, porcupine);
    process.stdout.write(`${lineOf(options, played)}\n`);
    expect(complaints(played)).toEqual([]);
    expect(played.flows).toBeGreaterThan(20);
    if (fault !== 'none') expect(played.faults).toBeGreaterThan(0);
  },
  60_000,
);
