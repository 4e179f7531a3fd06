import { type Redis } from 'ioredis';
import { type Manifest } from '../../../src/contract/index.js';
import { type CallStep } from '../../../scripts/vectors/vector.js';
import { type Fields, readRecord } from '../../helpers/record.js';
import { hashOf } from '../helpers/lease.js';
import { LEASE_VERBS } from '../helpers/variants.js';

/** Arguments of which any bytes are good. */
const OPAQUE = ['metadata', 'payload'];
/** What the columns of a state table stand for. Past the deadline is a row there, but a state here. */
const STATES: Readonly<Record<string, readonly string[]>> = {
  terminal: ['COMPLETED', 'FAILED', 'CANCELED', 'TIMED_OUT', 'past the deadline'],
};

/** The row of a state table, as the contract page names it, that a call belongs to. */
function rowOf({ call, args }: CallStep, record: Fields | undefined): string {
  if (call === 'free') {
    const holder = record === undefined ? 'owner-1' : (record['owner'] ?? record['freed']);
    return args[1] === holder ? 'free, by its owner' : 'free, by another';
  }
  if (call === 'acquire') {
    const expects = args[args.indexOf('expectedGeneration') + 1];
    const another = args.includes('expectedGeneration') && expects !== (record?.['generation'] ?? '0');
    return another ? 'acquire, another `expectedGeneration`' : 'acquire';
  }

  const options = new Map<unknown, unknown>();
  const first = { create: 4, settle: 5, delete: 2 }[call] ?? args.length;
  for (let at = first; at < args.length; at += 2) options.set(args[at], args[at + 1]);
  if (call === 'create') {
    if (options.has('origin')) return 'create with `origin`';
    if (options.get('conflict') === 'supersede') return 'create, `conflict supersede`';
    return options.has('owner') ? 'create with a lease' : 'create';
  }
  // No flow ever has the fence 1: the vectors give it to mean another.
  return call === 'settle' && options.get('fence') === '1' ? 'settle, another fence' : call;
}

async function standing(client: Redis, call: string, key: string): Promise<Fields | undefined> {
  if (!LEASE_VERBS.some((verb) => verb === call)) return readRecord(client, key);
  return hashOf(await client.callBuffer('HGETALL', key));
}

function stateOf(record: Fields | undefined, now: number): string {
  if (!record) return 'ABSENT';
  if (record['generation'] !== undefined) {
    if (record['owner'] === undefined) return 'free';
    return Number(record['leaseUntil']) <= now ? 'lapsed' : 'held';
  }
  if (record['status'] !== 'PENDING') return record['status']!;
  if (Number(record['deadlineAt']) <= now) return 'past the deadline';
  if (record['leaseUntil'] === undefined) return 'open';
  return Number(record['leaseUntil']) <= now ? 'lapsed' : 'owned';
}

/** A state table of the contract page: its first column and its head. */
export interface StateTable {
  readonly rows: readonly string[];
  readonly columns: readonly string[];
}

/** What the vectors touch of the contract, as it was observed while they ran. */
export class Coverage {
  readonly #cells = new Set<string>();
  readonly #verdicts = new Set<string>();
  readonly #replayed = new Set<string>();
  readonly #refused = new Set<string>();
  readonly #requests = new Map<string, Set<string>>();

  /** What a player asks before each call. */
  readonly watch =
    (client: Redis) =>
    async (step: CallStep, key: string): Promise<(verdict: string) => void> => {
      if (step.error !== undefined) return (text) => this.#refused.add(`${step.call} ${text}`);
      // Who answers for several calls is no row of the table; those are.
      if (step.call === 'batch') return () => this.#note(step, key, 'list');
      const [record, time] = await Promise.all([standing(client, step.call, key), client.time()]);
      const now = Number(time[0]) * 1000 + Math.floor(Number(time[1]) / 1000);
      return (verdict) => {
        this.#cells.add(`${rowOf(step, record)} | ${stateOf(record, now)}`);
        this.#note(step, key, verdict);
      };
    };

  #note(step: CallStep, key: string, verdict: string): void {
    this.#verdicts.add(`${step.call} ${verdict}`);
    const sent = JSON.stringify([step.call, step.args]);
    const seen = this.#requests.get(key) ?? new Set();
    if (seen.has(sent)) this.#replayed.add(`${step.call} ${verdict}`);
    this.#requests.set(key, seen.add(sent));
  }

  /** Cells of a state table that no vector entered. */
  missingCells({ rows, columns }: StateTable): string[] {
    const states = columns.flatMap((column) => STATES[column] ?? [column]);
    return rows
      .flatMap((row) => states.map((state) => `${row} | ${state}`))
      .filter((cell) => !this.#cells.has(cell));
  }

  /** Verdicts of the manifest that no vector ends with. */
  missingVerdicts({ scripts }: Manifest): string[] {
    const all = Object.entries(scripts).flatMap(([verb, { verdicts }]) =>
      verdicts.map(({ name }) => `${verb} ${name}`),
    );
    return all.filter((verdict) => !this.#verdicts.has(verdict));
  }

  /** Scripts that say they can be sent again, of which no vector sends a changing call again. */
  missingReplays({ scripts }: Manifest): string[] {
    return Object.entries(scripts)
      .filter(
        ([verb, { retrySafe }]) =>
          retrySafe && ![...this.#replayed].some((one) => one.startsWith(`${verb} `)),
      )
      .map(([verb]) => verb);
  }

  /** Codes of refusals, and arguments that a refusal should name, of which no vector shows one. */
  missingRefusals({ scripts }: Manifest): string[] {
    const refused = [...this.#refused];
    return Object.entries(scripts).flatMap(([verb, script]) => {
      const names = [...script.arguments, ...script.options].map(({ name }) => name);
      const refusable = names.filter((name) => !OPAQUE.includes(name)).map((name) => `FLOWARG ${name} `);
      // A script that answers for several puts what is wrong with a record among the replies.
      const several = script.verdicts.some(({ name }) => name === 'list');
      return [...refusable, ...(several ? [] : ['FLOWTYPE ', 'FLOWVERSION '])]
        .map((start) => `${verb} ${start}`)
        .filter((start) => !refused.some((text) => text.startsWith(start)));
    });
  }
}
