import { join } from 'node:path';
import { spawnTs } from '../../../scripts/spawn-ts.js';

// A parent with a child, to be killed.
const child = spawnTs(join(__dirname, 'idle.ts'), { stdio: ['ignore', 'inherit', 'ignore'] });
child.on('message', (hello) => process.send?.(hello));
