import { ChurnMap } from './churn-map.js';
import { isKeyspaceChannel } from './keyspace-events.js';
import type { Line } from './line.js';
import { NodeListener, type NodeOptions } from './node-listener.js';
import type { Listener, Listening, ListeningEvents } from './topology.js';

/** Which nodes there are, and which of them hear a channel. */
export interface View {
  /** Equal for equal arrangements. */
  readonly signature: string;
  readonly nodes: readonly string[];
  /** The nodes that a channel is heard on, the one that holds its key first. */
  placesOf(channel: string): readonly string[];
  /** A channel for this node's own beats. */
  beatChannelOf(node: string): string;
}

const NOWHERE: readonly string[] = [];
const NOTHING_YET: View = {
  signature: '',
  nodes: NOWHERE,
  placesOf: () => NOWHERE,
  beatChannelOf: () => '',
};

/** Every channel on the node that holds its key and on its replicas, each over a connection of its own: one of them is enough. */
export class SpreadListening implements Listening {
  readonly #options: NodeOptions;
  readonly #events: ListeningEvents;
  readonly #held = new ChurnMap<number>();
  readonly #nodes = new Map<string, NodeListener>();
  #view: View = NOTHING_YET;

  constructor(options: NodeOptions, events: ListeningEvents) {
    this.#options = options;
    this.#events = events;
  }

  get size(): number {
    return this.#held.size;
  }

  /** Whether some node is not heard at the moment. */
  get impaired(): boolean {
    for (const node of this.#nodes.values()) if (node.down) return true;
    return false;
  }

  /** For how long the oldest request on one of the connections has been waiting. */
  get waitingMs(): number {
    let most = 0;
    for (const node of this.#nodes.values()) most = Math.max(most, node.waitingMs);
    return most;
  }

  hold(channel: string): void {
    const count = this.#held.get(channel) ?? 0;
    this.#held.set(channel, count + 1);
    if (count > 0) return;
    const hint = isKeyspaceChannel(channel);
    for (const place of placesOf(this.#view, channel)) this.#nodes.get(place)?.hold(channel, hint);
  }

  release(channel: string): void {
    const count = (this.#held.get(channel) ?? 0) - 1;
    if (count > 0) {
      this.#held.set(channel, count);
      return;
    }
    this.#held.delete(channel);
    const hint = isKeyspaceChannel(channel);
    for (const place of placesOf(this.#view, channel)) this.#nodes.get(place)?.release(channel, hint);
  }

  read(channel: string, read: (line: Line) => void): void {
    const [owner = ''] = this.#view.placesOf(channel);
    const node = this.#nodes.get(owner);
    if (node) node.read(read);
    else read(this.#options.commands);
  }

  get ahead(): undefined {
    return undefined; // the connections that listen are those of nodes that change their parts
  }

  retryRefused(): void {
    for (const node of this.#nodes.values()) node.retryRefused();
  }

  listenersOf(channel: string): readonly Listener[] {
    return this.#view.placesOf(channel).flatMap((place) => this.#nodes.get(place) ?? []);
  }

  laneOf(channel: string): string {
    return this.#view.placesOf(channel)[0] ?? '';
  }

  /** Follows the arrangement: whatever is heard elsewhere now is subscribed there, and told as restored. Whether anything changed. */
  follow(view: View): boolean {
    const before = this.#view;
    if (view.signature === before.signature) return false;
    this.#view = view;
    for (const node of view.nodes) {
      if (this.#nodes.has(node)) continue;
      const listener = new NodeListener(node, this.#options, this.#events);
      this.#nodes.set(node, listener);
      listener.beatOn(view.beatChannelOf(node));
      this.#events.opened(listener);
    }
    const moves = this.#movesFrom(before);
    for (const [node, channels] of moves.leave) {
      this.#nodes.get(node)?.abandon(channels.flows, false);
      if (channels.hints.length > 0) this.#nodes.get(node)?.abandon(channels.hints, true);
    }
    for (const [node, listener] of this.#nodes) {
      if (view.nodes.includes(node)) listener.beatOn(view.beatChannelOf(node));
      else {
        this.#nodes.delete(node);
        listener.close();
        this.#events.closed(listener);
      }
    }
    for (const [node, channels] of moves.join) {
      if (channels.flows.length > 0) this.#nodes.get(node)?.adopt(channels.flows, false);
      if (channels.hints.length > 0) this.#nodes.get(node)?.adopt(channels.hints, true);
    }
    if (moves.promoted.length > 0) this.#events.restored(moves.promoted);
    this.#events.rearranged();
    return true;
  }

  /** Subscribes everything anew: a server said that it ended some of it, and nothing tells which. */
  renew(): void {
    for (const node of this.#nodes.values()) node.renew();
  }

  close(): void {
    for (const node of this.#nodes.values()) node.end();
    this.#nodes.clear();
  }

  #movesFrom(before: View): Moves {
    const moves: Moves = { join: new Map(), leave: new Map(), promoted: [] };
    for (const channel of this.#held.keys()) {
      const [was, is] = [placesOf(before, channel), placesOf(this.#view, channel)];
      const hint = isKeyspaceChannel(channel);
      for (const place of is) if (!was.includes(place)) add(moves.join, place, channel, hint);
      for (const place of was) if (!is.includes(place)) add(moves.leave, place, channel, hint);
      const [owner] = is;
      // It was heard there already, but what its former owner said last may have been lost.
      if (!hint && owner !== undefined && owner !== was[0] && was.includes(owner))
        moves.promoted.push(channel);
    }
    return moves;
  }
}

interface Channels {
  readonly flows: string[];
  readonly hints: string[];
}

interface Moves {
  readonly join: Map<string, Channels>;
  readonly leave: Map<string, Channels>;
  readonly promoted: string[];
}

function add(moves: Map<string, Channels>, place: string, channel: string, hint: boolean): void {
  let channels = moves.get(place);
  if (!channels) moves.set(place, (channels = { flows: [], hints: [] }));
  channels[hint ? 'hints' : 'flows'].push(channel);
}

// Only the server that holds a key tells that it expired.
function placesOf(view: View, channel: string): readonly string[] {
  const places = view.placesOf(channel);
  return isKeyspaceChannel(channel) ? places.slice(0, 1) : places;
}
