import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const INCLUDE = /^-- @include (\w+)$/gm;

/** The script as Redis runs it: each include stands where it is named, once. */
export function flatten(folder: string, source: string): string {
  return source.replace(INCLUDE, (_line, name: string) => include(folder, name).trimEnd());
}

export function include(folder: string, name: string): string {
  return readFileSync(join(folder, 'include', `${name}.lua`), 'utf8');
}

export function includesOf(source: string): string[] {
  return [...source.matchAll(INCLUDE)].map((match) => match[1] ?? '');
}

/** All verbs as one Redis 7 Function library: the includes once, each verb a function of its keys and arguments. */
export function library(folder: string, verbs: ReadonlyMap<string, string>): string {
  const names = new Set([...verbs.values()].flatMap(includesOf));
  const parts = [
    '#!lua name=flowbroker',
    '-- Generated from the verbs beside this file: FUNCTION LOAD, then FCALL flowbroker_<verb>.',
  ];
  for (const name of names) parts.push(include(folder, name).trimEnd());
  for (const [verb, source] of verbs) {
    const body = source
      .replace(INCLUDE, '')
      .replace(/\n{3,}/g, '\n\n')
      .trim();
    parts.push(`redis.register_function('flowbroker_${verb}', function(KEYS, ARGV)\n${body}\nend)`);
  }
  return `${parts.join('\n\n')}\n`;
}
