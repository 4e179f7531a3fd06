import { join } from 'node:path';
import { GO_VECTORS, JAVA_CLASSES, PYTHON, ROOT, type Language } from './toolchains';

/** A program that runs vectors: it is given their folder, the folder of the scripts, and where Redis is. */
export interface Runner {
  readonly language: Language;
  readonly command: readonly string[];
  /** The only file of vectors that it runs; all by default. */
  readonly only?: string;
}

const here = (...parts: string[]): string => join(ROOT, 'test', 'languages', ...parts);

export const RUNNERS: readonly Runner[] = [
  { language: 'python', command: [PYTHON, join(ROOT, 'clients', 'python', 'tests', 'vectors.py')] },
  { language: 'go', command: [GO_VECTORS] },
  { language: 'java', command: ['java', '-cp', JAVA_CLASSES, 'Vectors'] },
  { language: 'ruby', command: ['ruby', here('ruby', 'vectors.rb')] },
  { language: 'php', command: ['php', here('php', 'vectors.php')] },
  { language: 'redis-cli', command: ['sh', here('sh', 'main-path.sh')], only: 'main-path.json' },
];
