import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ask, startCluster, startSentinel } from '../../scripts/redis/index.js';
import { spawnTs } from '../../scripts/spawn-ts.js';
import { message } from '../helpers/program.js';
import { until } from '../helpers/until.js';

interface Held {
  readonly pid: number;
  readonly dir: string;
}

function gone({ pid, dir }: Held): boolean {
  try {
    process.kill(pid, 0);
    return false;
  } catch {
    return !existsSync(dir);
  }
}

it.each(['cluster', 'sentinel'])('a %s leaves nothing behind when its process is killed', async (kind) => {
  const holder = spawnTs(join(__dirname, 'programs', 'holder.ts'), { args: [kind] });
  const held = await message<Held[]>(holder);
  expect(held).toHaveLength(6);
  const exited = once(holder, 'exit');
  holder.kill('SIGKILL');
  await exited;
  await until('no process and no folder left', () => held.every(gone));
});

it('a cluster fails over by command, moves slots with their keys, and is gone after stop()', async () => {
  const cluster = await startCluster();
  try {
    const [first, second] = await cluster.masters();
    const slot = Number(await ask(first!.port, 'CLUSTER', 'KEYSLOT', '{a}'));
    const owner = await cluster.ownerOf(slot);
    await ask(owner.port, 'SET', '{a}', 'kept');
    const target = owner === first ? second! : first!;
    await cluster.migrate(slot, target);
    expect(await cluster.ownerOf(slot)).toBe(target);
    expect(await ask(target.port, 'GET', '{a}')).toBe('kept');
    await cluster.healthy();
    const replica = await cluster.failover(target);
    expect(await cluster.ownerOf(slot)).toBe(replica);
    expect(await ask(replica.port, 'GET', '{a}')).toBe('kept');
  } finally {
    await cluster.stop();
  }
  expect(cluster.servers.every(gone)).toBe(true);
});

it('Sentinels replace a master that hangs, and are gone after stop()', async () => {
  const group = await startSentinel();
  try {
    const before = await group.master();
    await before.pause();
    const after = await group.replaced(before);
    await before.resume();
    expect(after).not.toBe(before);
  } finally {
    await group.stop();
  }
  expect([...group.servers, ...group.watchers].every(gone)).toBe(true);
});
