import { RETENTION, type Replaced } from '../entries.js';
import { nameOf, type History, type Operation, type ScriptCall } from './history.js';
import { changedHands } from './linearizable.js';
import type { Outages } from './outages.js';
import { isRepeatable } from './repeats.js';
import type { Settlement } from './settlements.js';
import { SharedRuns } from './shared-runs.js';

const STATUS_TOLD: Readonly<Record<string, string>> = {
  ERR_FLOW_FAILED: 'FAILED',
  ERR_FLOW_CANCELED: 'CANCELED',
};
const WAITS: readonly string[] = ['wait', 'outcome', 'run'];
const LATE_NS = 1e9;

/** What became of the waits. */
export interface Outcomes {
  /** A waiter was told something that its flow's settlement does not bear out. */
  readonly wrong: string[];
  /** A flow was settled, the server could be reached, and its waiter slept on. */
  readonly lostWakes: string[];
  /** Names of flows that were gone after a failover, though nobody deleted them and they had not expired. */
  readonly lost: ReadonlySet<string>;
  /** The longest that any wait went on after its flow was settled, whatever the reason. */
  readonly longestStallMs: number;
}

/** Every waiter got the outcome that was applied to its flow, and got it when it was there. */
export function outcomesHold(
  history: History,
  settlements: ReadonlyMap<string, Settlement>,
  outages: Outages,
): Outcomes {
  const evidence = new Evidence(history, settlements);
  const [wrong, lostWakes]: [string[], string[]] = [[], []];
  let longest = 0;
  for (const wait of history.operations) {
    if (!WAITS.includes(wait.does) || !wait.ended) continue;
    const why = evidence.contradicts(wait);
    if (why !== undefined) wrong.push(`${named(wait)}: ${why}`);
    const settledAt = evidence.settledAt(wait);
    if (settledAt === undefined) continue;
    const since = Math.max(settledAt, wait.at);
    const stall = wait.ended.at - since - outages.stoodStill(wait.process, since, wait.ended.at);
    longest = Math.max(longest, stall);
    const unexcused = wait.ended.at - since - outages.excused(wait.process, since, wait.ended.at);
    if (unexcused > LATE_NS)
      lostWakes.push(`${named(wait)} slept on for ${String(Math.round(unexcused / 1e6))} ms`);
  }
  return { wrong, lostWakes, lost: evidence.lost, longestStallMs: longest / 1e6 };
}

function named({ does, name, op, process }: Operation): string {
  return `${does} of ${name} (operation ${String(op)} of process ${String(process)})`;
}

/** What the scripts' own answers prove about each flow. */
class Evidence {
  readonly #history: History;
  readonly #byValue = new Map<string, Settlement>();
  readonly #byFlow = new Map<string, Settlement[]>();
  readonly #calls = new Map<string, ScriptCall[]>();
  readonly #runs: SharedRuns;
  readonly lost = new Set<string>();
  readonly #replaced: readonly Replaced[];
  readonly #forgot: readonly { readonly from: number; readonly end: number }[];
  readonly #wallZero: number;

  constructor(history: History, settlements: ReadonlyMap<string, Settlement>) {
    const { operations, scripts, deeds, wallZero } = history;
    this.#history = history;
    for (const settlement of settlements.values()) {
      this.#byValue.set(settlement.value, settlement);
      if (settlement.fate !== 'applied') continue;
      const flow = `${settlement.name} ${String(settlement.origin)}`;
      this.#byFlow.set(flow, [...(this.#byFlow.get(flow) ?? []), settlement]);
    }
    for (const call of scripts) {
      const name = nameOf(call.key);
      const calls = this.#calls.get(name) ?? [];
      this.#calls.set(name, calls);
      calls.push(call);
    }
    this.#runs = new SharedRuns(operations);
    this.#forgot = deeds.filter((deed) => deed.deed === 'forgot');
    this.#replaced = deeds.filter((deed) => deed.deed === 'replaced');
    this.#wallZero = wallZero;
  }

  /** When the flow of this wait was surely settled. */
  settledAt(wait: Operation): number | undefined {
    if (wait.ended?.value !== undefined) {
      const told = this.#byValue.get(wait.ended.value);
      return told?.repeatable ? undefined : told?.appliedAt;
    }
    const given = this.#givenUp(wait) || wait.ended?.error === 'ERR_FLOW_DELETED';
    if (!given || wait.origin === undefined) return undefined;
    const [first] = this.#byFlow.get(`${wait.name} ${String(wait.origin)}`) ?? [];
    const at = first?.appliedAt ?? Infinity;
    return at < wait.ended!.at ? at : undefined;
  }

  #givenUp({ ended }: Operation): boolean {
    return ended?.error === 'ERR_FLOW_WAIT_TIMEOUT' || ended?.error === 'aborted';
  }

  contradicts(wait: Operation): string | undefined {
    const { error, value } = wait.ended!;
    if (value !== undefined) return this.#wrongValue(wait, value, STATUS_TOLD[error ?? ''] ?? 'COMPLETED');
    if (wait.origin === undefined) return undefined;
    switch (error) {
      case 'ERR_FLOW_TIMED_OUT':
        return this.#wronglyTimedOut(wait);
      case 'ERR_FLOW_SUPERSEDED':
        return this.#wronglySuperseded(wait);
      case 'ERR_FLOW_DELETED':
        return this.#wronglyDeleted(wait);
      case 'ERR_FLOW_NOT_FOUND':
        return 'it was open and then not found';
      default:
        return undefined;
    }
  }

  #wrongValue(wait: Operation, value: string, status: string): string | undefined {
    const settlement = this.#byValue.get(value);
    if (!settlement) return `it got ${value}, which nobody settled with`;
    const { name, fate, origin, from, repeatable } = settlement;
    if (name !== wait.name) return `it got ${value}, which belongs to ${name}`;
    if (status !== settlement.status) return `it got ${value} as ${status}, it was ${settlement.status}`;
    // The first time it ran it was applied, and its repetition found another flow: `repeats` counts these.
    if (fate === 'refused') return repeatable ? undefined : `it got ${value}, which was refused`;
    if (from > wait.ended!.at) return `it got ${value} before that was sent`;
    // A request that ran twice may have ended two flows, one after the other.
    if (origin === undefined || repeatable) return undefined;
    if (wait.origin !== undefined)
      return wait.origin === origin
        ? undefined
        : `it waited for flow ${String(wait.origin)} and got ${value} of flow ${String(origin)}`;
    const since = wait.does === 'run' ? this.#runs.begin(wait) : wait.at;
    const successor = this.#calls
      .get(wait.name)
      ?.find(({ record, returned = Infinity }) => (record?.origin ?? 0) > origin && returned < since);
    return successor && `it got ${value} of flow ${String(origin)}, gone before it was called`;
  }

  #wronglyTimedOut(wait: Operation): string | undefined {
    const settled = this.#byFlow.get(`${wait.name} ${String(wait.origin)}`)?.find(({ replace }) => !replace);
    return settled && `it was told TIMED_OUT, and ${settled.value} was applied`;
  }

  #wronglySuperseded(wait: Operation): string | undefined {
    const calls = this.#calls.get(wait.name) ?? [];
    const other = calls.some(
      ({ verb, at, verdict, refused, record }) =>
        at < wait.ended!.at &&
        ((record?.origin ?? 0) > wait.origin! || (verb === 'create' && verdict === undefined && !refused)),
    );
    return other ? undefined : 'it was told SUPERSEDED, and no other flow was made';
  }

  #wronglyDeleted(wait: Operation): string | undefined {
    const end = wait.ended!.at;
    const calls = this.#calls.get(wait.name) ?? [];
    // A server that lost its data knows of no delete that it did before: its repetition finds nothing.
    const deleted = calls.some(
      (call) =>
        call.verb === 'delete' &&
        call.at < end &&
        (call.verdict === 'deleted' ||
          (call.verdict === undefined && !call.refused) ||
          (call.verdict === 'not_found' && isRepeatable(call, this.#history))),
    );
    if (deleted || this.#forgot.some(({ from }) => from < end)) return undefined;
    if (this.#goneAt(wait) <= end) return undefined;
    const key = calls[0]?.key ?? '';
    const failover = this.#replaced.some(
      (deed) => wait.at < deed.end && deed.from < end && changedHands(key, deed),
    );
    if (!failover) return 'it was told DELETED, and nobody deleted it';
    this.lost.add(wait.name);
    return undefined;
  }

  /** The earliest moment at which the record of the wait's flow, or of one in its place, can have expired, however it was settled. */
  #goneAt({ name, origin, deadlineAt }: Operation): number {
    const shortest = Math.min(RETENTION.completed, RETENTION.failed, RETENTION.canceled);
    // One that was told `not_found` by its repetition may have been applied the first time, and expired since.
    const unproved = [...this.#byValue.values()].filter(
      (one) => one.name === name && (one.fate === 'unknown' || one.repeatable),
    );
    const applied = [...this.#byValue.values()].filter(
      (one) => one.name === name && one.fate === 'applied' && (one.origin ?? Infinity) >= origin!,
    );
    const settled = [...applied, ...unproved];
    const kept = settled.map(({ from, retentionMs }) => from + (retentionMs ?? shortest) * 1e6);
    const ownerLost = this.#calls
      .get(name)
      ?.filter(({ record }) => record && record.origin >= origin! && record.settledBy === 'owner_lost')
      .map(({ at }) => at + shortest * 1e6);
    const deadline = deadlineAt === undefined ? Infinity : (deadlineAt - this.#wallZero) * 1e6;
    return Math.min(...kept, ...(ownerLost ?? []), deadline + RETENTION.timedOut * 1e6);
  }
}
