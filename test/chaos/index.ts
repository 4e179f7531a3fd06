import { parseArgs } from 'node:util';
import { buildPorcupine } from './checker/linearizable.js';
import { play, TOPOLOGIES, type PlayOptions } from './play.js';
import { complaints, lineOf } from './report.js';

const USAGE = `npm run chaos -- --topology ${TOPOLOGIES.join('|')} --fault <name> [--seconds 10] [--seed 1] [--processes 3] [--actors 24] [--pause 12] [--names 40] [--seeded-bug <name>]`;

function optionsOf(args: string[]): PlayOptions {
  const { values } = parseArgs({
    args,
    options: {
      topology: { type: 'string', default: 'standalone' },
      fault: { type: 'string', default: 'none' },
      seconds: { type: 'string', default: '10' },
      seed: { type: 'string', default: '1' },
      processes: { type: 'string', default: '3' },
      actors: { type: 'string', default: '24' },
      pause: { type: 'string', default: '12' },
      names: { type: 'string', default: '40' },
      'seeded-bug': { type: 'string' },
    },
  });
  const bug = values['seeded-bug'];
  return {
    ...{
      topology: values.topology,
      fault: values.fault,
      seconds: Number(values.seconds),
      seed: Number(values.seed),
    },
    ...{ processes: Number(values.processes), actors: Number(values.actors), pauseMs: Number(values.pause) },
    names: Number(values.names),
    ...(bug !== undefined && { seededBug: bug }),
  };
}

async function main(): Promise<void> {
  const options = optionsOf(process.argv.slice(2));
  const played = await play(options, await buildPorcupine());
  console.log(lineOf(options, played));
  for (const complaint of complaints(played)) console.log(complaint);
  if (played.kept === undefined) return;
  console.log(`the histories are in ${played.kept}`);
  process.exitCode = 1;
}

main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  console.error(USAGE);
  process.exitCode = 2;
});
