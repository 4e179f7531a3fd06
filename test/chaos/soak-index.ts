import { parseArgs } from 'node:util';
import { buildPorcupine } from './checker/linearizable.js';
import { slopesOf } from './slope.js';
import { soak } from './soak.js';

const USAGE = 'npm run soak -- [--minutes 30] [--seed 1] [--actors 60] [--names 150] [--piece 15]';

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string', default: '30' },
      seed: { type: 'string', default: '1' },
      actors: { type: 'string', default: '60' },
      names: { type: 'string', default: '150' },
      piece: { type: 'string', default: '15' },
    },
  });
  const options = {
    ...{ minutes: Number(values.minutes), seed: Number(values.seed), actors: Number(values.actors) },
    ...{ names: Number(values.names), pieceSeconds: Number(values.piece) },
  };
  const soaked = await soak(options, await buildPorcupine(), console.log);
  const { pieces, flows, operations, faults, complaints, samples, kept } = soaked;
  console.log(
    `soak of ${values.minutes} minutes, seed ${values.seed}: ${String(flows)} flows, ${String(operations)} operations, ${String(faults)} faults, ${String(pieces)} pieces`,
  );
  for (const [index, taken] of samples.entries()) {
    for (const { what, mean, perHour, flat } of slopesOf(taken)) {
      const shown = (value: number): string =>
        what === 'heap' || what === 'rss' ? `${(value / 1_048_576).toFixed(2)} MB` : value.toFixed(2);
      console.log(
        `process ${String(index)} ${what}: ${shown(mean)}, slope ${shown(perHour)} an hour: ${flat ? 'flat' : 'NOT flat'}`,
      );
      if (!flat) process.exitCode = 1;
    }
  }
  for (const complaint of complaints) console.log(complaint);
  if (kept === undefined) return;
  console.log(`the histories are in ${kept}`);
  process.exitCode = 1;
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  console.error(USAGE);
  process.exitCode = 2;
});
