import { readFileSync } from 'node:fs';
import type { CallEntry, Deed, Entry, HandlerEntry, ReturnEntry } from '../entries.js';

/** A call of the library with how it ended; without `ended` it never did. */
export interface Operation extends CallEntry {
  readonly process: number;
  ended?: ReturnEntry;
}

/** A record as a script showed it. */
export interface Shown {
  readonly status: string;
  readonly fence: number;
  readonly origin: number;
  readonly attempt: number;
  /** Wall-clock ms. */
  readonly deadlineAt: number;
  readonly settledBy: string | undefined;
  readonly payload: string | undefined;
}

/** A call of a script with its reply; without `verdict` nobody knows whether it ran. */
export interface ScriptCall {
  readonly process: number;
  readonly at: number;
  readonly verb: string;
  readonly key: string;
  readonly values: readonly string[];
  returned?: number;
  reply?: readonly string[];
  verdict?: string;
  record?: Shown;
  refused?: string;
}

export interface Handler extends HandlerEntry {
  readonly process: number;
}

/** A time in which the event loop of a process stood still. */
export interface Standstill {
  readonly process: number;
  readonly from: number;
  readonly end: number;
}

/** Everything that all processes and the nemesis wrote down. */
export interface History {
  readonly operations: readonly Operation[];
  readonly scripts: readonly ScriptCall[];
  readonly handlers: readonly Handler[];
  readonly standstills: readonly Standstill[];
  /** Attempts to connect, in their order. */
  readonly connects: readonly {
    readonly process: number;
    readonly connection: number;
    readonly at: number;
  }[];
  readonly deeds: readonly Deed[];
  /** What killed a process, and processes that did not say that they had ended. */
  readonly deaths: readonly string[];
  /** Wall-clock ms at the run's zero. */
  readonly wallZero: number;
}

export function readHistory(files: readonly string[], deeds: readonly Deed[], wallZero: number): History {
  const processes = files.map((file) =>
    readFileSync(file, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Entry),
  );
  return historyOf(processes, deeds, wallZero);
}

export function historyOf(
  processes: readonly (readonly Entry[])[],
  deeds: readonly Deed[],
  wallZero = 0,
): History {
  const operations: Operation[] = [];
  const scripts: ScriptCall[] = [];
  const handlers: Handler[] = [];
  const standstills: Standstill[] = [];
  const connects: { process: number; connection: number; at: number }[] = [];
  const deaths: string[] = [];
  for (const [process, entries] of processes.entries()) {
    const ops = new Map<number, Operation>();
    const calls = new Map<number, ScriptCall>();
    let ended = false;
    for (const entry of entries) {
      switch (entry.kind) {
        case 'call':
          ops.set(entry.op, { ...entry, process });
          break;
        case 'return': {
          const op = ops.get(entry.op);
          if (op) op.ended = entry;
          break;
        }
        case 'script': {
          const { at, verb, key, values } = entry;
          calls.set(entry.call, { process, at, verb, key, values });
          break;
        }
        case 'reply': {
          const call = calls.get(entry.call);
          if (!call) break;
          if (entry.unanswered === undefined) call.returned = entry.at;
          if (entry.refused !== undefined) call.refused = entry.refused;
          if (entry.reply) Object.assign(call, shownIn(entry.reply), { reply: entry.reply });
          break;
        }
        case 'handler':
          handlers.push({ ...entry, process });
          break;
        case 'stood':
          standstills.push({ process, from: entry.at - entry.ms * 1e6, end: entry.at });
          break;
        case 'connect':
          connects.push({ process, connection: entry.connection, at: entry.at });
          break;
        case 'fatal':
          deaths.push(`process ${String(process)} died: ${entry.text}`);
          break;
        case 'ended':
          ended = true;
          break;
        case 'began':
          break;
      }
    }
    if (!ended) deaths.push(`process ${String(process)} did not come to its end`);
    operations.push(...ops.values());
    scripts.push(...calls.values());
  }
  return { operations, scripts, handlers, standstills, connects, deeds, deaths, wallZero };
}

/** Reads a reply as the contract describes it: verdict, head, metadata, payload. */
function shownIn(reply: readonly string[]): Pick<ScriptCall, 'verdict' | 'record'> {
  const [verdict = '', head = '', , payload] = reply;
  const [, , status, fence, origin, attempt, , deadlineAt, , , , , settledBy] = head.split(' ');
  if (status === undefined) return { verdict };
  return {
    verdict,
    record: {
      ...{ status, fence: Number(fence), origin: Number(origin), attempt: Number(attempt) },
      deadlineAt: Number(deadlineAt),
      settledBy: settledBy === '-' ? undefined : settledBy,
      payload: payload === undefined || payload === 'null' ? undefined : payload,
    },
  };
}

/** The value of an option that a script was given, from its `first` argument on. */
export function optionOf(call: ScriptCall, name: string, first: number): string | undefined {
  for (let at = first; at < call.values.length; at += 2)
    if (call.values[at] === name) return call.values[at + 1];
  return undefined;
}

export function nameOf(key: string): string {
  return key.slice(key.indexOf(':', key.indexOf('{')) + 1, key.lastIndexOf('}'));
}
