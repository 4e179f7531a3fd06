import { closeSync, openSync, writeSync } from 'node:fs';
import type { Entry } from '../entries.js';

const FLUSH_AT = 256;
const BEAT_MS = 20;
const STOOD_MS = 60;

/** Writes a process's history. What is not yet in the file when the process ends is written then. */
export class Recorder {
  #file: number;
  readonly #zero: bigint;
  #lines: string[] = [];
  #open = true;
  #beat: NodeJS.Timeout | undefined;

  constructor(file: string, zero: bigint) {
    this.#file = openSync(file, 'a');
    this.#zero = zero;
    process.on('exit', () => this.close());
    this.write({ kind: 'began', at: this.now(), pid: process.pid });
    this.#listenForStandstill(this.now());
  }

  now(): number {
    return Number(process.hrtime.bigint() - this.#zero);
  }

  write(entry: Entry): void {
    this.#lines.push(JSON.stringify(entry));
    if (this.#lines.length >= FLUSH_AT) this.flush();
  }

  flush(): void {
    if (!this.#open || this.#lines.length === 0) return;
    writeSync(this.#file, `${this.#lines.join('\n')}\n`);
    this.#lines = [];
  }

  /** What is written from now on goes to another file. */
  turnTo(file: string): void {
    this.flush();
    closeSync(this.#file);
    this.#file = openSync(file, 'a');
  }

  close(): void {
    if (!this.#open) return;
    clearTimeout(this.#beat);
    this.flush();
    this.#open = false;
    closeSync(this.#file);
  }

  #listenForStandstill(before: number): void {
    this.#beat = setTimeout(() => {
      const at = this.now();
      const ms = (at - before) / 1e6 - BEAT_MS;
      if (ms > STOOD_MS) this.write({ kind: 'stood', at, ms });
      this.#listenForStandstill(at);
    }, BEAT_MS).unref();
  }
}
