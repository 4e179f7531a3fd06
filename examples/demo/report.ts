import { styleText } from 'node:util';

type Style = 'bold' | 'dim' | 'red' | 'green' | 'cyan';

const WIDTH = 98;
const LABEL = 15;
const NUMBERS = ['none', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight'];

/** What the demo prints, and the count of what it claimed. */
export class Report {
  // The terminal knows of NO_COLOR, FORCE_COLOR and TERM=dumb; a pipe or a file gets no colours.
  readonly #coloured = process.stdout.isTTY && process.stdout.hasColors();
  readonly #broken: string[] = [];
  #held = 0;
  #scenes = 0;
  #silent = false;

  get broken(): number {
    return this.#broken.length;
  }

  /** Says no more: what comes from here on is the demo being stopped. */
  silence(): void {
    this.#silent = true;
  }

  title(text: string): void {
    this.#print(`\n ${this.#paint('bold', text)}\n`);
  }

  note(text: string): void {
    this.#print(`    ${this.#paint('dim', text)}`);
  }

  /** A headline, what happens, and what to look at. */
  scene(headline: string, story: readonly string[], lookAt: string): void {
    const head = ` ${String(++this.#scenes)}  ${headline} `;
    this.#print(`\n\n${this.#paint('bold', head)}${this.#paint('dim', '─'.repeat(WIDTH - head.length))}\n`);
    for (const line of story) this.#print(`    ${line}`);
    this.#print(`    ${this.#paint('cyan', `Look at: ${lookAt}`)}\n`);
  }

  /** Something that happened: who or when, then what. */
  row(label: string, text: string, style?: Style): void {
    const line = `${label.padEnd(LABEL)}${text}`;
    this.#print(`      ${style ? this.#paint(style, line) : line}`);
  }

  gap(): void {
    this.#print('');
  }

  /** Something the demo says about this library, and whether it just held. */
  claim(holds: boolean, text: string): void {
    if (holds) this.#held++;
    else this.#broken.push(text);
    this.#print(
      holds ? `    ${this.#paint('green', '✓')} ${text}` : `    ${this.#paint('red', `✗ ${text}`)}`,
    );
  }

  summary(seconds: number): void {
    const all = String(this.#held + this.#broken.length);
    const took = `in ${seconds.toFixed(1)} s`;
    this.#print(`\n\n${this.#paint('dim', '─'.repeat(WIDTH))}\n`);
    if (this.broken === 0) {
      this.#print(`    ${this.#paint('green', `✓ All ${all} claims hold`)}, ${took}.`);
    } else {
      this.#print(
        `    ${this.#paint('red', `✗ ${String(this.broken)} of ${all} claims do not hold`)}, ${took}:`,
      );
      for (const text of this.#broken) this.#print(`      ${this.#paint('red', `✗ ${text}`)}`);
    }
    this.note('What ran is in examples/demo; short programs to copy are in examples/.\n');
  }

  #paint(style: Style, text: string): string {
    return this.#coloured ? styleText(style, text) : text;
  }

  #print(line: string): void {
    if (!this.#silent) console.log(line);
  }
}

/** 1,234 ms; with a decimal below 100. */
export function ms(duration: number): string {
  const rounded = duration < 100 ? duration.toFixed(1) : Math.round(duration).toLocaleString('en-US');
  return `${rounded} ms`;
}

/** The last of a token, which is enough to tell one from another. */
export function tail(token: string): string {
  return `…${token.slice(-6)}`;
}

/** `one` to `eight`, for claims that read as sentences. */
export function words(count: number): string {
  return NUMBERS[count] ?? String(count);
}
