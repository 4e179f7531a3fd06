const NOBODY: readonly never[] = [];

/** A set made for one member: most flows have one waiter here, and a Set costs more than all else that it needs. */
export class Crowd<T extends object> implements Iterable<T> {
  #one: T | undefined = undefined;
  #many: Set<T> | undefined = undefined;

  get size(): number {
    return this.#many ? this.#many.size : this.#one ? 1 : 0;
  }

  has(member: T): boolean {
    return this.#many ? this.#many.has(member) : this.#one === member;
  }

  add(member: T): void {
    if (this.#many) this.#many.add(member);
    else if (this.#one === undefined || this.#one === member) this.#one = member;
    else {
      this.#many = new Set([this.#one, member]);
      this.#one = undefined;
    }
  }

  /** Whether it was there. */
  delete(member: T): boolean {
    if (this.#many) return this.#many.delete(member);
    if (this.#one !== member) return false;
    this.#one = undefined;
    return true;
  }

  /** Members may leave meanwhile. */
  [Symbol.iterator](): Iterator<T> {
    const members: Iterable<T> = this.#many ?? (this.#one ? [this.#one] : NOBODY);
    return members[Symbol.iterator]();
  }
}
