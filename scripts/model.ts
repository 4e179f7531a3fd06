import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { command } from './redis/command';
import { debianPackages } from './redis/debian';
import { searchPath } from './redis/search';

const MODEL = join(__dirname, '..', 'model', 'wait.pml');
const SEARCH_MS = 240_000;

type Way = 'CALLBACK' | 'OWNED' | 'DEADLINE';

/** With no fault the protocol must hold; with one that concerns this way of ending it must not, or the model proves nothing. */
const FAULTS: Readonly<Record<Way, readonly string[]>> = {
  CALLBACK: ['NO_REREAD', 'READ_FIRST', 'NO_EARLY', 'NO_ORIGIN'],
  OWNED: ['NO_REREAD', 'NO_TIMER', 'NO_FENCE'],
  DEADLINE: ['NO_TIMER'],
};

/** Spin from the PATH, else from the distribution's package. */
async function spinFile(): Promise<string> {
  return (
    searchPath(['spin']) ??
    debianPackages(
      'spin',
      () => Promise.resolve(['spin']),
      async (folder) => {
        const file = join(folder, 'usr', 'bin', 'spin');
        await command(file, ['-V'], { timeoutMs: 10_000 });
        return file;
      },
    )
  );
}

interface Search {
  readonly errors: number;
  readonly states: number;
}

/** Every order of events there is. */
async function search(spin: string, compiler: string, defines: readonly string[]): Promise<Search> {
  const cwd = await mkdtemp(join(tmpdir(), 'flowbroker-model-'));
  try {
    await command(spin, ['-a', ...defines.map((name) => `-D${name}`), MODEL], { cwd, timeoutMs: 60_000 });
    const flags = ['-O2', '-w', '-DSAFETY', '-DCOLLAPSE'];
    await command(compiler, [...flags, '-o', 'pan', 'pan.c'], { cwd, timeoutMs: 120_000 });
    const said = await command(join(cwd, 'pan'), ['-m100000'], { cwd, timeoutMs: SEARCH_MS });
    const errors = /errors: (\d+)/.exec(said)?.[1];
    const states = /(\d+) states, stored/.exec(said)?.[1];
    if (errors === undefined || /max search depth too small|out of memory/.test(said))
      throw new Error(`the search did not end:\n${said}`);
    return { errors: Number(errors), states: Number(states) };
  } finally {
    await rm(cwd, { recursive: true, force: true });
  }
}

async function main(): Promise<void> {
  const compiler = searchPath(['cc', 'gcc', 'clang']);
  const spin = compiler && (await spinFile().catch(() => undefined));
  if (!spin) {
    const lacking = compiler ? 'spin' : 'a C compiler';
    console.log(
      `The model of the wait protocol was NOT checked: ${lacking} is missing (apt-get install spin gcc).`,
    );
    // A user needs neither to run the tests; whoever asks for the model alone does.
    if (!process.argv.includes('--if-possible')) process.exitCode = 1;
    return;
  }
  for (const way of Object.keys(FAULTS) as Way[]) {
    for (const fault of [undefined, ...FAULTS[way]]) {
      const { errors, states } = await search(spin, compiler, fault ? [way, fault] : [way]);
      const right = fault ? errors > 0 : errors === 0;
      const found = errors > 0 ? 'a waiter is lost, or told wrong' : 'every waiter ends, and rightly';
      console.log(
        `${right ? 'ok  ' : 'FAIL'} ${way.padEnd(9)}${(fault ?? 'no fault').padEnd(11)} ${found} (${String(states)} states)`,
      );
      if (!right) process.exitCode = 1;
    }
  }
}

void main();
