import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { lackOf, TOOLCHAINS, type Language } from '../../../scripts/languages/toolchains.js';

const PATH = process.env['PATH'];
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'flowbroker-toolchains-'));
  process.env['PATH'] = folder;
});

afterEach(() => {
  process.env['PATH'] = PATH;
  rmSync(folder, { recursive: true });
});

/** Puts a program on PATH that prints this, whatever it is asked. */
function install(name: string, says: string): void {
  const file = join(folder, name);
  writeFileSync(file, `#!/bin/sh\necho '${says}'\n`);
  chmodSync(file, 0o755);
}

const JAVA = 'openjdk 17.0.15 2025-04-15';
const MAVEN = 'Apache Maven 3.8.7\nJava version: 21.0.2, vendor: Debian';

it.each<[Language, Record<string, string>]>([
  ['go', { go: 'go version go1.26.8 linux/amd64' }],
  ['go', { go: 'go version go2.0 linux/amd64' }],
  ['java', { java: JAVA, mvn: MAVEN }],
  ['python', { python3: 'Python 3.13.1' }],
  ['redis-cli', { 'redis-cli': 'redis-cli 7.0.15' }],
])('%s is there with %j', (language, tools) => {
  for (const [name, says] of Object.entries(tools)) install(name, says);
  expect(lackOf(TOOLCHAINS[language])).toBeUndefined();
});

it.each<[Language, Record<string, string>, string]>([
  ['go', {}, 'no Go 1.26 here (go is missing, or lacks what is needed)'],
  ['go', { go: 'go version go1.21.5 linux/amd64' }, 'no Go 1.26 here (go says 1.21, which is older)'],
  ['go', { go: 'go version devel' }, 'no Go 1.26 here (go does not say its version)'],
  [
    'java',
    { java: 'openjdk 11.0.2 2019-01-15', mvn: MAVEN },
    'no Java 17 with Maven here (java says 11, which is older)',
  ],
  [
    'java',
    { java: JAVA, mvn: 'Apache Maven 3.6.0\nJava version: 11.0.2' },
    'no Java 17 with Maven here (mvn says 11, which is older)',
  ],
  ['python', { python3: 'Python 3.9.2' }, 'no Python 3.11 with venv here (python3 says 3.9, which is older)'],
])('%s counts as missing with %j', (language, tools, lack) => {
  for (const [name, says] of Object.entries(tools)) install(name, says);
  expect(lackOf(TOOLCHAINS[language])).toBe(lack);
});
