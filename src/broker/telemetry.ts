import { channel, type Channel } from 'node:diagnostics_channel';
import type { FlowName } from '../errors.js';

/** What happened since the broker was created, and what there is now. Counts, never contents. */
export interface BrokerStats {
  /** Flows this broker created, settled, deleted or took over: transitions that it caused. */
  readonly transitions: number;
  /** Local waits that ended by a message. */
  readonly wakes: number;
  /** Endings that a poll or a slow re-read found although a message should have told of them. */
  readonly missedWakes: number;
  /** Rounds in which everything waiting was re-read because wake-ups did not arrive. */
  readonly polls: number;
  /** Single re-reads, for whatever reason. */
  readonly rereads: number;
  /** Flows whose owner was gone and that a `run` here took over. */
  readonly takeovers: number;
  /** How often the listening connection came back. */
  readonly reconnects: number;
  /** Local waits under way. */
  readonly waiters: number;
  /** Flows waited for. */
  readonly watches: number;
  /** Channels subscribed. */
  readonly subscriptions: number;
  /** Handlers of `run` under way. */
  readonly handlers: number;
  /** Whether the broker hears its own heartbeat and may subscribe to all it waits for; true while nothing waits. */
  readonly listening: boolean;
}

export type Counter =
  'transitions' | 'wakes' | 'missedWakes' | 'polls' | 'rereads' | 'takeovers' | 'reconnects';

const CHANNELS = {
  transitions: 'flowbroker:transition',
  wakes: 'flowbroker:wake',
  missedWakes: 'flowbroker:missed-wake',
  polls: 'flowbroker:poll',
  rereads: 'flowbroker:reread',
  takeovers: 'flowbroker:takeover',
  reconnects: 'flowbroker:reconnect',
} as const satisfies Record<Counter, string>;

/** What subscribers of the diagnostics channels get: the broker's id, the flow where there is one, and what happened. */
export interface FlowDiagnostic {
  readonly broker: string;
  readonly flow?: FlowName;
  readonly [detail: string]: unknown;
}

/** Counts what happens and tells it on node:diagnostics_channel; the message is only built where somebody listens. */
export class Telemetry {
  readonly counts: Record<Counter, number> = {
    transitions: 0,
    wakes: 0,
    missedWakes: 0,
    polls: 0,
    rereads: 0,
    takeovers: 0,
    reconnects: 0,
  };
  readonly #broker: string;
  readonly #channels = Object.fromEntries(
    Object.entries(CHANNELS).map(([counter, name]) => [counter, channel(name)]),
  ) as Record<Counter, Channel>;

  constructor(broker: string) {
    this.#broker = broker;
  }

  count(counter: Counter, flow?: FlowName, details?: Readonly<Record<string, unknown>>): void {
    this.counts[counter]++;
    const told = this.#channels[counter];
    if (told.hasSubscribers) told.publish({ broker: this.#broker, ...(flow ? { flow } : {}), ...details });
  }
}
