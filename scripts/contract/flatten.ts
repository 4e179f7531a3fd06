import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const INCLUDE = /^( *)-- @include (\w+)$/gm;
const QUICK = /^-- @quick (\w+)$/m;
const INCLUDED_VERBS = /^-- @verbs (.+)$/m;
const HEADER = /^(?:--.*\n)+/;
const ENTRY = /^return answer\((\w+), KEYS, ARGV\)$/m;

/**
 * The script as Redis runs it: each include stands where it is named, and so does each verb that another one runs. What a verb includes
 * within a branch is not made in runs that go past it; a batch, and the library, have it at hand for all. What a verb names as quick
 * is tried before anything else of it is made.
 */
export function flatten(folder: string, source: string): string {
  return source
    .replace(QUICK, (_line, verb: string) =>
      [`quick_${verb}`, `alone_${verb}`].map((name) => include(folder, name)).join('\n'),
    )
    .replace(INCLUDE, (_line, indent: string, name: string) =>
      include(folder, name)
        .trimEnd()
        .replace(/^(?=.)/gm, indent),
    )
    .replace(INCLUDED_VERBS, (_line, names: string) => {
      const verbs = names.split(' ').map((name) => {
        const verb = readFileSync(join(folder, `${name}.lua`), 'utf8').replace(HEADER, '');
        return scoped(verb, (run) => `verbs.${name} = ${run}`);
      });
      return ['local verbs = {}', ...verbs].join('\n\n');
    });
}

export function include(folder: string, name: string): string {
  return readFileSync(join(folder, 'include', `${name}.lua`), 'utf8');
}

export function includesOf(source: string): string[] {
  return [...source.matchAll(INCLUDE)].map((match) => match[2] ?? '');
}

/** All verbs as one Redis 7 Function library: the includes once, each verb a function of its keys and arguments. */
export function library(folder: string, verbs: ReadonlyMap<string, string>): string {
  const names = new Set([...verbs.values()].flatMap(includesOf));
  const parts = [
    '#!lua name=flowbroker',
    '-- Generated from the verbs beside this file: FUNCTION LOAD, then FCALL flowbroker_<verb>.',
  ];
  for (const name of names) parts.push(include(folder, name).trimEnd());
  parts.push('local verbs = {}');
  for (const [name, source] of verbs) {
    parts.push(
      scoped(source.replace(INCLUDED_VERBS, onlyThese), (run) =>
        [
          ...(INCLUDED_VERBS.test(source) ? [] : [`verbs.${name} = ${run}`]),
          `redis.register_function('flowbroker_${name}', function(keys, arguments) return answer(${run}, keys, arguments) end)`,
        ].join('\n'),
      ),
    );
  }
  return `${parts.join('\n\n')}\n`;
}

// The library has every verb at hand; who runs others may run the same as when it is loaded alone.
function onlyThese(_line: string, names: string): string {
  const entries = names.split(' ').map((name) => `${name} = verbs.${name}`);
  return `local verbs = { ${entries.join(', ')} }`;
}

/** A verb in a scope of its own, so that its helpers keep their names; its entry becomes what `entry` makes of the function it runs. */
function scoped(source: string, entry: (run: string) => string): string {
  const body = source
    .replace(QUICK, '')
    .replace(INCLUDE, '')
    .replace(ENTRY, (_line, run: string) => entry(run))
    .replace(/\n{3,}/g, '\n\n')
    .trim();
  return `do\n${body}\nend`;
}
