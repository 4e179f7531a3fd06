import { SLOTS, slotOf } from './slot.js';
import type { View } from './spread-listening.js';

const NOWHERE: readonly string[] = [];

/** Who serves which slot, as the Cluster said last. Sharded channels have slots as keys do. */
export class ClusterView implements View {
  readonly signature: string;
  readonly nodes: readonly string[];
  readonly #places: readonly (readonly string[])[];
  readonly #beatBase: string;
  readonly #beats = new Map<string, string>();

  /** `slots` as ioredis has them: for each slot the node that owns it, then its replicas. `known` are the nodes it can connect to. */
  constructor(
    slots: readonly (readonly string[] | undefined)[],
    known: ReadonlySet<string>,
    beatBase: string,
  ) {
    this.#beatBase = beatBase;
    const places: (readonly string[])[] = [];
    const nodes = new Set<string>();
    const ranges: string[] = [];
    let last: readonly string[] | undefined;
    let copy = NOWHERE;
    for (let slot = 0; slot < SLOTS; slot++) {
      const serving = slots[slot];
      if (serving !== last || slot === 0) {
        last = serving;
        copy = serving?.filter((node) => known.has(node)) ?? NOWHERE; // ioredis changes its lists in place
        for (const node of copy) nodes.add(node);
        ranges.push(`${String(slot)}=${copy.join()}`);
      }
      places.push(copy);
    }
    this.#places = places;
    this.nodes = [...nodes];
    this.signature = ranges.join(' ');
  }

  placesOf(channel: string): readonly string[] {
    return this.#places[slotOf(channel)] ?? NOWHERE;
  }

  /** A channel in one of the node's slots; the same as long as it has that slot. */
  beatChannelOf(node: string): string {
    let channel = this.#beats.get(node);
    for (let n = 0; channel === undefined; n++) {
      const candidate = `${this.#beatBase}:${node}:{${String(n)}}`;
      if (this.placesOf(candidate).includes(node)) channel = candidate;
      // A slot of its own may be hard to hit, but with this many tries it is not there.
      else if (n > SLOTS * 16) channel = `${this.#beatBase}:${node}`;
    }
    this.#beats.set(node, channel);
    return channel;
  }
}
