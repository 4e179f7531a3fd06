import { spawnSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(__dirname, '..');
const dist = join(root, 'dist');

function compile(project: string): void {
  const { status } = spawnSync(process.execPath, [require.resolve('typescript/bin/tsc'), '-p', project], {
    cwd: root,
    stdio: 'inherit',
  });
  if (status !== 0) process.exit(status ?? 1);
}

// Bundlers and Node read the nearest package.json: without these the ESM files would be taken for CommonJS.
function describe(folder: string, type: 'module' | 'commonjs'): void {
  writeFileSync(join(dist, folder, 'package.json'), `${JSON.stringify({ type, sideEffects: false })}\n`);
}

rmSync(dist, { recursive: true, force: true });
compile('tsconfig.esm.json');
describe('esm', 'module');
compile('tsconfig.cjs.json');
describe('cjs', 'commonjs');
