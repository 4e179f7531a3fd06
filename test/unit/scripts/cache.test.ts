import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cached } from '../../../scripts/redis/cache.js';

let home: string;
const before = process.env.XDG_CACHE_HOME;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'flowbroker-cache-'));
  process.env.XDG_CACHE_HOME = home;
});
afterEach(() => {
  rmSync(home, { recursive: true });
  if (before === undefined) delete process.env.XDG_CACHE_HOME;
  else process.env.XDG_CACHE_HOME = before;
});

it('fills a folder once and hands it back afterwards', async () => {
  let fills = 0;
  const fill = async (folder: string): Promise<void> => {
    fills += 1;
    writeFileSync(join(folder, 'file'), 'content');
  };
  const first = await cached('thing', fill);
  expect(await cached('thing', fill)).toBe(first);
  expect(fills).toBe(1);
  expect(readFileSync(join(first, 'file'), 'utf8')).toBe('content');
});

it('lets the first of several fillers win and leaves no drafts', async () => {
  const fill = async (folder: string): Promise<void> => writeFileSync(join(folder, 'file'), 'content');
  const folders = await Promise.all([1, 2, 3, 4].map(() => cached('thing', fill)));
  expect(new Set(folders).size).toBe(1);
  expect(readdirSync(join(home, 'flowbroker'))).toEqual(['thing']);
});

it('keeps nothing of a fill that failed', async () => {
  await expect(cached('thing', () => Promise.reject(new Error('no network')))).rejects.toThrow('no network');
  expect(existsSync(join(home, 'flowbroker', 'thing'))).toBe(false);
  expect(readdirSync(join(home, 'flowbroker'))).toEqual([]);
});
