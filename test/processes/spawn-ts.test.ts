import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { spawnTs } from '../../scripts/spawn-ts.js';
import { message } from '../helpers/program.js';

const program = (name: string): string => join(__dirname, 'programs', `${name}.ts`);

it('runs a TypeScript file with arguments and environment, and lets it end by itself', async () => {
  const child = spawnTs(program('short'), {
    args: ['hello'],
    env: { GREETING: 'world' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  expect(await text(child.stdout!)).toBe('hello world');
  expect(await exited).toEqual([0, null]);
});

it('leaves no child behind when its parent is killed', async () => {
  const parent = spawnTs(program('nest'), { stdio: ['ignore', 'pipe', 'inherit'] });
  await message<{ pid: number }>(parent);
  // The grandchild holds the same pipe: the pipe ends when both have.
  const ended = text(parent.stdout!);
  parent.kill('SIGKILL');
  await ended;
});
