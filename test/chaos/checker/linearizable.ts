import { slotOf } from '../../../src/redis/slot.js';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { command } from '../../../scripts/redis/command.js';
import { searchPath } from '../../../scripts/redis/search.js';
import type { Replaced } from '../entries.js';
import { nameOf, type History, type ScriptCall } from './history.js';
import { lastRunOf, runsBefore } from './repeats.js';

const SOURCE = join(__dirname, '..', 'porcupine');
const BUILD_MS = 180_000;

/** What porcupine made of the histories of all keys. */
export type Linearizability =
  | { readonly checked: false; readonly why: string }
  | {
      readonly checked: true;
      readonly keys: number;
      readonly calls: number;
      /** Names whose search did not end in time. */
      readonly undecided: readonly string[];
      readonly illegal: readonly string[];
      /** Names whose history is legal only if a failover lost writes that were acknowledged. */
      readonly lost: readonly string[];
    };

/** One call as the Go program reads it. */
interface Line {
  readonly Process: number;
  readonly Call: number;
  readonly Return: number;
  readonly Verb: string;
  readonly Values: readonly string[];
  readonly Reply: readonly string[];
  readonly Maybe: boolean;
}

/** A program that checks histories, built once a run; or why there is none: a user needs Node only. */
export async function buildPorcupine(): Promise<{ readonly file: string } | { readonly why: string }> {
  const go = searchPath(['go']);
  if (!go) return { why: 'go is not on PATH' };
  const folder = await mkdtemp(join(tmpdir(), 'flowbroker-porcupine-'));
  process.once('exit', () => void rm(folder, { recursive: true, force: true }));
  const file = join(folder, 'porcupine');
  try {
    await command(go, ['build', '-o', file, '.'], { cwd: SOURCE, timeoutMs: BUILD_MS });
    return { file };
  } catch (error) {
    return { why: `porcupine could not be built: ${(error as Error).message}` };
  }
}

/** Whether the calls on each key can be put into one order that the state table allows. */
export async function linearizable(
  history: History,
  file: string,
  limitMs = 10_000,
): Promise<Linearizability> {
  const child = spawn(file, ['-limit', `${String(limitMs)}ms`], { stdio: ['pipe', 'pipe', 'inherit'] });
  let said = '';
  child.stdout.on('data', (bytes: Buffer) => (said += bytes.toString()));
  child.stdin.on('error', () => undefined);
  for (const [Key, calls] of byKey(history)) child.stdin.write(`${JSON.stringify({ Key, Calls: calls })}\n`);
  child.stdin.end();
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`porcupine ended with ${String(code)}`);
  const lines = said
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  const sums = lines.pop() as unknown as { keys: number; calls: number };
  const illegal = lines
    .filter(({ result }) => result === 'illegal')
    .map(({ key, longest, stuck }) => {
      const [last, next] = [longest as string[] | undefined, stuck as string[] | undefined];
      return `${nameOf(String(key))}: no order of its calls is allowed; after\n    ${(last ?? []).slice(-4).join('\n    ')}\n  none of these can follow\n    ${(next ?? []).slice(0, 4).join('\n    ')}`;
    });
  const named = (what: string): string[] =>
    lines.filter(({ result }) => result === what).map(({ key }) => nameOf(String(key)));
  return {
    checked: true,
    ...{ keys: sums.keys, calls: sums.calls, illegal, lost: named('lost'), undecided: named('undecided') },
  };
}

export function byKey(history: History): Map<string, Line[]> {
  const keys = new Map<string, Line[]>();
  for (const call of history.scripts) {
    if (call.refused !== undefined || (call.verb === 'read' && !call.reply)) continue;
    const lines = keys.get(call.key) ?? [];
    keys.set(call.key, lines);
    lines.push(lineOf(call, false));
    for (let run = runsBefore(call, history); run > 0; run--)
      lines.push(lineOf({ ...call, reply: [] }, true, lastRunOf(call)));
  }
  for (const deed of history.deeds) {
    if (deed.deed !== 'forgot' && deed.deed !== 'replaced') continue;
    const Verb = deed.deed === 'forgot' ? 'forget' : 'failover';
    const [Call, Return] = [Math.round(deed.from), Math.round(deed.end)];
    for (const [key, lines] of keys) {
      if (deed.deed === 'replaced' && !changedHands(key, deed)) continue;
      if (lines.some((line) => line.Call < Return))
        lines.push({ Process: 99, Call, Return, Verb, Values: [], Reply: [], Maybe: false });
    }
  }
  return keys;
}

/** Whether the key's slot was among those that another server took. */
export function changedHands(key: string, { slots }: Replaced): boolean {
  const slot = slotOf(key);
  return !slots || slots.some(([from, to]) => from <= slot && slot <= to);
}

function lineOf(call: ScriptCall, Maybe: boolean, returned = call.returned): Line {
  const { process, at, verb, values, reply } = call;
  const [Call, Return] = [Math.round(at), Math.round(returned ?? 0)];
  return { Process: process, Call, Return, Verb: verb, Values: values, Reply: reply ?? [], Maybe };
}
