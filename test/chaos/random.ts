/** Seeded choices: the same seed, the same choices, in every process of its own. */
export class Random {
  #state: number;

  constructor(...seeds: readonly number[]) {
    this.#state = seeds.reduce((state, seed) => Math.imul(state ^ seed, 0x9e3779b1) >>> 0, 0x2545f491);
    for (let at = 0; at < 8; at++) this.next();
  }

  /** From 0 up to 1 (mulberry32). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  }

  /** A whole number, both ends included. */
  between(least: number, most: number): number {
    return least + Math.floor(this.next() * (most - least + 1));
  }

  chance(part: number): boolean {
    return this.next() < part;
  }

  pick<T>(from: readonly T[]): T {
    return from[Math.floor(this.next() * from.length)]!;
  }

  /** One of the words, each as likely as its number says. */
  weighted<W extends string>(weights: Readonly<Record<W, number>>): W {
    const words = Object.keys(weights) as W[];
    let left = this.next() * words.reduce((sum, word) => sum + weights[word], 0);
    return words.find((word) => (left -= weights[word]) < 0) ?? words[0]!;
  }
}
