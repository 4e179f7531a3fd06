import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { searchPath } from '../../../scripts/redis/search.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'flowbroker-search-'));
  mkdirSync(join(folder, 'a'));
  mkdirSync(join(folder, 'b'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function put(name: string, mode: number): string {
  const file = join(folder, name);
  writeFileSync(file, '#!/bin/sh\n');
  chmodSync(file, mode);
  return file;
}

const path = (): string => [join(folder, 'a'), join(folder, 'b')].join(delimiter);

it('finds a program in any folder of PATH', () => {
  const file = put('b/redis-server', 0o755);
  expect(searchPath(['redis-server'], path())).toBe(file);
});

it('prefers the first name to the first folder', () => {
  put('a/valkey-server', 0o755);
  const redis = put('b/redis-server', 0o755);
  expect(searchPath(['redis-server', 'valkey-server'], path())).toBe(redis);
});

it('passes over files that cannot be executed, and folders', () => {
  put('a/redis-server', 0o644);
  mkdirSync(join(folder, 'b', 'redis-server'));
  expect(searchPath(['redis-server'], path())).toBeUndefined();
});
