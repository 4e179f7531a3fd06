import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Redis } from 'ioredis';

const LUA = join(__dirname, '../../../lua');

export const VERBS = ['create', 'settle', 'renew', 'release', 'read', 'delete'] as const;
export type Verb = (typeof VERBS)[number];
/** The scripts of the generation lease: another record, another reply. */
export const LEASE_VERBS = ['acquire', 'free', 'generation'] as const;
export type LeaseVerb = (typeof LEASE_VERBS)[number];
export type AnyVerb = Verb | LeaseVerb;
const ALL_VERBS: readonly AnyVerb[] = [...VERBS, ...LEASE_VERBS];
export type Argument = string | Buffer | number;

/** One way to send a script to Redis: the command and what stands before the number of keys; `batch` where the verb goes through it. */
export type Call = (verb: AnyVerb) => [command: string, script: string, through?: 'batch'];

export interface Variant {
  readonly name: string;
  readonly publish: 'PUBLISH' | 'SPUBLISH';
  /** The server refuses keys of another slot to a script with a shebang only when it is a cluster's. */
  readonly cluster: boolean;
  load(client: Redis): Promise<Call>;
}

export function flattened(verb: AnyVerb | 'batch'): string {
  return readFileSync(join(LUA, 'dist', `${verb}.lua`), 'utf8');
}

/** Loads `sources` with SCRIPT LOAD; EVALSHA then runs them. */
export async function loadScripts(client: Redis, source: (verb: AnyVerb) => string): Promise<Call> {
  const shas = new Map<AnyVerb, string>();
  for (const verb of ALL_VERBS) {
    const lua = source(verb);
    shas.set(verb, createHash('sha1').update(lua).digest('hex'));
    await client.script('LOAD', lua);
  }
  return (verb) => ['EVALSHA', shas.get(verb)!];
}

const withShebang = async (): Promise<Call> => {
  const scripts = new Map(ALL_VERBS.map((verb) => [verb, `#!lua\n${flattened(verb)}`]));
  return (verb) => ['EVAL', scripts.get(verb)!];
};

const BATCHED: ReadonlySet<AnyVerb> = new Set(['create', 'settle', 'read']);

const ALL: readonly Variant[] = [
  {
    name: 'EVALSHA',
    publish: 'PUBLISH',
    cluster: false,
    load: (client) => loadScripts(client, flattened),
  },
  {
    name: 'FCALL',
    publish: 'PUBLISH',
    cluster: false,
    async load(client) {
      const library = readFileSync(join(LUA, 'flowbroker.lua'), 'utf8');
      await client.call('FUNCTION', 'LOAD', 'REPLACE', library);
      return (verb) => ['FCALL', `flowbroker_${verb}`];
    },
  },
  {
    name: 'EVALSHA in a batch',
    publish: 'PUBLISH',
    cluster: false,
    async load(client) {
      const alone = await loadScripts(client, flattened);
      const batch = (await client.script('LOAD', flattened('batch'))) as string;
      return (verb) => (BATCHED.has(verb) ? ['EVALSHA', batch, 'batch'] : alone(verb));
    },
  },
  { name: 'a shebang in a cluster, PUBLISH', publish: 'PUBLISH', cluster: true, load: withShebang },
  { name: 'a shebang in a cluster, SPUBLISH', publish: 'SPUBLISH', cluster: true, load: withShebang },
];

/** With REDIS_URL the tests keep to that server, so those that need one in cluster mode are left out. */
export const VARIANTS: readonly Variant[] = ALL.filter(
  (variant) => !(variant.cluster && process.env['REDIS_URL']),
);
