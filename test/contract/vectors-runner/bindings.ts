import { type Value } from '../../../scripts/vectors/vector.js';

const NAME = /<([a-z]\w*)(?:([+-])(\d+)|>([a-z]\w*))?>/g;

/** The names of one vector and what they are bound to. Bytes are latin1 strings, one character a byte. */
export class Bindings {
  readonly #values: Map<string, string>;

  constructor(values: Readonly<Record<string, string>>) {
    this.#values = new Map(Object.entries(values));
  }

  get(name: string): string {
    const value = this.#values.get(name);
    if (value === undefined) throw new Error(`<${name}> is not bound yet`);
    return value;
  }

  /** A value as it is sent. */
  send(value: Value): Buffer {
    if (typeof value !== 'string') return Buffer.from(value.hex, 'hex');
    const text = bytes(value).replace(NAME, (_all, name: string, sign?: string, by?: string) =>
      this.#sum(name, sign, by),
    );
    return Buffer.from(text, 'latin1');
  }

  /** Throws if what came is not what was expected; binds the names that stand there for the first time. */
  match(expected: Value, came: string): void {
    const text = typeof expected === 'string' ? bytes(expected) : '';
    let rest = came;
    let from = 0;
    const take = (part: string): void => {
      if (!rest.startsWith(part)) throw new Error(`expected ${show(expected)}, got ${show(came)}`);
      rest = rest.slice(part.length);
    };
    if (typeof expected !== 'string') take(Buffer.from(expected.hex, 'hex').toString('latin1'));
    for (const { 0: all, 1: name = '', 2: sign, 3: by, 4: above, index } of text.matchAll(NAME)) {
      take(text.slice(from, index));
      from = index + all.length;
      if (above === undefined && (sign || this.#values.has(name))) take(this.#sum(name, sign, by));
      else {
        const digits = /^\d*/.exec(rest)?.[0] ?? '';
        if (digits === '' || (above !== undefined && BigInt(digits) <= BigInt(this.get(above))))
          throw new Error(`expected ${all} in ${show(expected)}, got ${show(came)}`);
        this.#values.set(name, digits);
        take(digits);
      }
    }
    take(text.slice(from));
    if (rest !== '') throw new Error(`expected ${show(expected)}, got ${show(came)}`);
  }

  #sum(name: string, sign: string | undefined, by = '0'): string {
    const value = this.get(name);
    if (!sign) return value;
    return String(sign === '+' ? BigInt(value) + BigInt(by) : BigInt(value) - BigInt(by));
  }
}

function bytes(text: string): string {
  return Buffer.from(text).toString('latin1');
}

function show(value: Value): string {
  return JSON.stringify(value).slice(0, 400);
}
