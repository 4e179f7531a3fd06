import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { createInterface } from 'node:readline';
import { runInNewContext } from 'node:vm';
import type { Connect, Contender, Role } from './contender.js';
import type { Asked, Commands } from './commands.js';
import { hold, throughput, turns, callers } from './tasks.js';

/** A process of a contender: does what it is told over stdin, a JSON object a line, and answers over stdout. */
const [name = '', url = '', role = 'both'] = process.argv.slice(2);

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

const moment = (): string => String(process.hrtime.bigint());
const since = (text: string): number =>
  Number(process.hrtime.bigint() - BigInt(text.slice(0, text.indexOf(' ')))) / 1e6;

async function main(): Promise<void> {
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  const { connect } = require(join(__dirname, 'contenders', name)) as { connect: Connect };
  const contender = await connect(url, role as Role);
  const commands = commandsOf(contender);
  for await (const line of createInterface({ input: process.stdin })) {
    const asked = JSON.parse(line) as Asked;
    if (asked.name === 'stop') break;
    void answer(commands, asked.name, asked);
  }
  // What still waits would keep the process; it is to be gone either way.
  setTimeout(() => process.exit(0), 2_000).unref();
  await contender.close();
  process.exit(0);
}

async function answer(commands: Commands, asked: keyof Commands, { n, given }: Asked): Promise<void> {
  const tell = (told: object): void => void process.stdout.write(`${JSON.stringify({ n, ...told })}\n`);
  try {
    tell({ is: await (commands[asked] as (given: unknown) => Promise<unknown>)(given) });
  } catch (error) {
    tell({ error: String((error as Error).stack ?? error) });
  }
}

function commandsOf(contender: Contender): Commands {
  const woken: Promise<number>[] = [];
  return {
    ready: async () => process.pid,
    async open({ id }) {
      const { outcome } = await contender.open!(id);
      woken.push(outcome.then(since));
    },
    woken: () => Promise.all(woken.splice(0)),
    async complete({ id, bytes }) {
      await contender.complete!(id, () => `${moment()} `.padEnd(bytes, 'x'));
    },
    throughput: (given) => throughput(contender, given),
    hold: (given) => hold(contender, collect, given),
    callers: (given) => callers(contender, given),
    turns: (given) => turns(contender, given),
    async usage() {
      const { user, system } = process.cpuUsage();
      return { cpuUs: user + system, rss: process.memoryUsage.rss(), rereads: contender.rereads?.() ?? 0 };
    },
  };
}

void main();
