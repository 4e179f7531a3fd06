import { historyOf, type History } from './checker/history.js';
import type { CallEntry, Deed, Entry, ReturnEntry } from './entries.js';

type Saying<E> = Omit<E, 'kind' | 'op' | 'at'>;

/** A history written by hand, in ms; everything happens in one process unless said otherwise. */
export class Handwritten {
  readonly #processes: Entry[][] = [];
  readonly #deeds: Deed[] = [];
  #ids = 0;

  /** An operation from its call to its return; without `ended` it never returned. */
  operation(
    from: number,
    call: Saying<CallEntry>,
    ended?: { at: number } & Saying<ReturnEntry>,
    process = 0,
  ): this {
    const op = ++this.#ids;
    this.#of(process).push({ kind: 'call', op, at: from * 1e6, ...call });
    if (ended) this.#of(process).push({ kind: 'return', op, ...ended, at: ended.at * 1e6 });
    return this;
  }

  /** A call of a script; without `reply` nobody knows whether it ran. Values go behind the publish verb. */
  script(
    from: number,
    verb: string,
    values: readonly (string | number)[],
    at?: number,
    reply?: readonly string[],
  ): this {
    const call = ++this.#ids;
    const key = 'chaos:{chaos:a}';
    this.#of(0).push({
      kind: 'script',
      call,
      at: from * 1e6,
      verb,
      key,
      values: ['PUBLISH', ...values.map(String)],
    });
    const answer = reply ? { reply } : { unanswered: 'no answer' };
    this.#of(0).push({ kind: 'reply', call, at: (at ?? from + 1) * 1e6, ...answer });
    return this;
  }

  handler(at: number, op: number, fence: number): this {
    this.#of(0).push({ kind: 'handler', op, at: at * 1e6, name: 'a', fence, attempt: 1 });
    return this;
  }

  stood(from: number, end: number): this {
    this.#of(0).push({ kind: 'stood', at: end * 1e6, ms: end - from });
    return this;
  }

  fault(from: number, end: number): this {
    this.#deeds.push({ deed: 'fault', fault: 'any', from: from * 1e6, end: end * 1e6 });
    return this;
  }

  forgot(from: number, end: number, runs: readonly [string, string] = ['one', 'two']): this {
    this.#deeds.push({ deed: 'forgot', from: from * 1e6, end: end * 1e6, runs, keys: [2, 0] });
    return this;
  }

  /** Another server took the master's place. */
  replaced(from: number, end: number): this {
    this.#deeds.push({ deed: 'replaced', from: from * 1e6, end: end * 1e6, ports: [1, 2] });
    return this;
  }

  connect(at: number): this {
    this.#of(0).push({ kind: 'connect', at: at * 1e6, connection: 1 });
    return this;
  }

  /** What killed the process. */
  fatal(at: number, text: string): this {
    this.#of(0).push({ kind: 'fatal', at: at * 1e6, text });
    return this;
  }

  get history(): History {
    const processes = this.#processes.map((entries) => [
      ...entries,
      { kind: 'ended', at: 1e12, missedWakes: 0, reconnects: 0 } as const,
    ]);
    return historyOf(processes, this.#deeds);
  }

  #of(process: number): Entry[] {
    return (this.#processes[process] ??= []);
  }
}

/** The head of a reply. Moments are ms; `deadline` is the flow's. */
export function head(now: number, status?: string, record: Partial<Head> = {}): string {
  if (status === undefined) return `1 ${String(now)}`;
  const {
    fence = 1,
    origin = fence,
    attempt = 0,
    created = 0,
    deadline = 10_000,
    lease,
    settled,
    owner,
    by,
  } = record;
  const words = [
    now,
    status,
    fence,
    origin,
    attempt,
    created,
    deadline,
    lease,
    settled,
    undefined,
    owner,
    by,
  ];
  return `1 ${words.map((word) => String(word ?? '-')).join(' ')}`;
}

interface Head {
  readonly fence: number;
  readonly origin: number;
  readonly attempt: number;
  readonly created: number;
  readonly deadline: number;
  readonly lease: number;
  readonly settled: number;
  readonly owner: string;
  readonly by: string;
}
