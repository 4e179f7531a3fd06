import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * A folder that `fill` has filled once for all processes of this user. Several may fill at the same time, each into a
 * folder of its own; the first rename wins, so nobody ever sees a folder half full.
 */
export async function cached(name: string, fill: (folder: string) => Promise<void>): Promise<string> {
  const parent = await cacheFolder();
  const folder = join(parent, name);
  if (existsSync(folder)) return folder;

  const draft = join(parent, `${name}.${randomUUID()}`);
  await mkdir(draft);
  try {
    await fill(draft);
    await rename(draft, folder).catch((error: unknown) => {
      if (!existsSync(folder)) throw error;
    });
    return folder;
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

async function cacheFolder(): Promise<string> {
  const uid = process.getuid?.() ?? 0;
  const candidates = [
    process.env.XDG_CACHE_HOME ?? join(process.env.HOME ?? homedir(), '.cache'),
    join(__dirname, '..', '..', 'node_modules', '.cache'),
    join(tmpdir(), `cache-${uid}`),
  ];
  for (const candidate of candidates) {
    const folder = join(candidate, 'flowbroker');
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const probe = join(folder, `.${randomUUID()}`);
      await writeFile(probe, '');
      await rm(probe);
      // What lies here gets executed: in a folder that somebody else made, it could be anything.
      if ((await stat(candidate)).uid === uid) return folder;
    } catch {
      // Not writable for this user: the next one.
    }
  }
  throw new Error(`no writable cache folder among ${candidates.join(', ')}`);
}
