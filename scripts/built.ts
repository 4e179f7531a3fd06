import { spawnSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

const root = join(__dirname, '..');
/** What `npm run build` makes, and what it makes it from. */
const MADE = ['dist/esm/index.js', 'dist/cjs/index.js'];
const SOURCES = ['src', 'package.json', 'tsconfig.json', 'tsconfig.esm.json', 'tsconfig.cjs.json'];

/** Builds unless the build is newer than every source: for what imports 'flowbroker' by its name. */
export function ensureBuilt(): void {
  const made = Math.min(...MADE.map((file) => changedAt(join(root, file)) ?? 0));
  if (made > Math.max(...SOURCES.map((source) => newest(join(root, source))))) return;
  const { status } = spawnSync('npm', ['run', '-s', 'build'], { cwd: root, stdio: 'inherit' });
  if (status !== 0) throw new Error('npm run build failed');
}

function changedAt(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs;
}

/** A folder's own time counts too: it tells of a file that is gone. */
function newest(path: string): number {
  const inside = statSync(path).isDirectory() ? readdirSync(path) : [];
  return Math.max(changedAt(path) ?? 0, ...inside.map((name) => newest(join(path, name))));
}
