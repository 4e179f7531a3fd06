import type { PublishVerb } from '../contract/scripts.js';
import type { Line } from './line.js';

/** How the servers are arranged: one, a Cluster, or a master and replicas under Sentinel. Whoever uses it knows nothing of nodes. */
export interface Topology {
  /** Commands for any key. */
  readonly commands: Line;
  readonly db: number;
  /** How messages are published; undefined until the servers were asked what they can. */
  readonly publish: PublishVerb | undefined;
  /** The same, once known. Rejects with ERR_FLOW_UNAVAILABLE when it cannot be found out in time. */
  publishVerb(): Promise<PublishVerb>;
  /** Whether its listening may give a line that wakes ahead: worth opening for a settlement. */
  readonly wakesAhead: boolean;
  /** A line of its own to whoever holds this key now: what blocks there delays nothing else. */
  confirming(key: string): Line;
  /** A line to every server that holds keys of its own. */
  masters(): readonly Line[] | Promise<readonly Line[]>;
  /** Opens the connections that listen. Called once. */
  listen(events: ListeningEvents): Listening;
  /** Lets go of what was borrowed, closes the rest; what is under way ends as closed. */
  close(): void;
}

/** One connection that wake-ups arrive on. */
export interface Listener {
  /** Whether the server refuses some of its channels. */
  readonly refusing: boolean;
  /** Publishes to itself; the answer comes as `beat`. */
  beat(text: string): Promise<unknown>;
  /** Makes a connection whose other end hangs end. */
  ping(): void;
}

/** A line that wakes waiters before it answers, and the channel that is heard on it: `ownChannel` in the contract. */
export interface Ahead {
  readonly line: Line;
  readonly channel: string;
}

/** Ref-counted subscriptions, wherever their channels are heard. */
export interface Listening {
  /** Distinct channels held. */
  readonly size: number;
  /** Holds the channel once more; it is subscribed at the end of the tick, or with the next connection. */
  hold(channel: string): void;
  release(channel: string): void;
  /** Runs the read behind the subscriptions held so far: what is published on the channel after it ran is heard. */
  read(channel: string, read: (line: Line) => void): void;
  /** Over which line a settlement wakes waiters before it is answered; undefined while that is not idle, or cannot. */
  readonly ahead: Ahead | undefined;
  retryRefused(): void;
  /** On which of the connections the channel is heard; each is enough. */
  listenersOf(channel: string): readonly Listener[];
  /** Names whoever answers for the channel: what is asked of one does not wait for another. */
  laneOf(channel: string): string;
  close(): void;
}

/** What happens on the listening connections, for whoever waits. */
export interface ListeningEvents {
  message(channel: string, payload: Buffer): void;
  /** Its own beat came back. */
  beat(listener: Listener, payload: Buffer): void;
  opened(listener: Listener): void;
  /** It is no longer needed. */
  closed(listener: Listener): void;
  /** The connection is gone: nothing arrives on it until `restored`. */
  down(listener: Listener): void;
  /** The connection is there; `again` if it was there before. */
  up(listener: Listener, again: boolean): void;
  /** Its heartbeat is subscribed: it can be heard. */
  ready(listener: Listener): void;
  /** These channels are subscribed anew, or held by another server; what was said in between was missed. */
  restored(channels: readonly string[]): void;
  /** The server refuses these channels, by ACL for one; they are tried again by `retryRefused`. */
  refused(listener: Listener, channels: readonly string[], error: Error): void;
  /** Other servers hold the keys now. */
  rearranged(): void;
}
