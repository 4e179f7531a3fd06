import { appendFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { buildPorcupine } from './checker/linearizable.js';
import { TOPOLOGIES } from './play.js';
import { HEAD, held, row, series } from './series.js';

const FAULTS: Readonly<Record<string, readonly string[]>> = {
  standalone: [
    ...['none', 'kill-restart-empty', 'kill-restart-aof', 'stop-server', 'stop-owner', 'stop-waiter'],
    ...['kill-connections', 'delay', 'drop', 'drop-messages', 'half-open', 'reset'],
  ],
  sentinel: [
    ...['none', 'failover', 'kill-master', 'stop-server', 'stop-owner', 'stop-waiter'],
    ...['kill-connections', 'replica-lag'],
  ],
  cluster: [
    ...['none', 'failover', 'kill-master', 'migrate', 'stop-server', 'stop-owner', 'stop-waiter'],
    ...['kill-connections', 'replica-lag'],
  ],
};
const USAGE = `npm run chaos:long -- [--topology ${TOPOLOGIES.join('|')}] [--fault <name>] [--flows 100000] [--seconds 20] [--seed 1] [--processes 3] [--actors 200] [--names 600] [--out rows.jsonl]`;

// Every fault of every topology until so many flows were seen under each: prints the table of docs/reliability.md row by row.
async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      topology: { type: 'string' },
      fault: { type: 'string' },
      flows: { type: 'string', default: '100000' },
      seconds: { type: 'string', default: '20' },
      seed: { type: 'string', default: '1' },
      processes: { type: 'string', default: '3' },
      actors: { type: 'string', default: '200' },
      names: { type: 'string', default: '600' },
      out: { type: 'string' },
    },
  });
  const porcupine = await buildPorcupine();
  if ('why' in porcupine) console.error(`linearizability is NOT checked: ${porcupine.why}`);
  console.log(HEAD);
  for (const [topology, faults] of Object.entries(FAULTS)) {
    if ((values.topology ?? topology) !== topology) continue;
    for (const fault of faults) {
      if ((values.fault ?? fault) !== fault) continue;
      const options = {
        ...{ topology, fault, seconds: Number(values.seconds), seed: Number(values.seed) },
        ...{ processes: Number(values.processes), actors: Number(values.actors) },
        names: Number(values.names),
      };
      const sum = await series(options, Number(values.flows), porcupine, console.error);
      console.log(row(sum));
      if (values.out !== undefined) appendFileSync(values.out, `${JSON.stringify(sum)}\n`);
      if (!held(sum)) process.exitCode = 1;
    }
  }
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  console.error(USAGE);
  process.exitCode = 2;
});
