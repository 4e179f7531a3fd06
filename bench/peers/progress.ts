import { SingleBar } from 'cli-progress';

const LINE_EVERY_MS = 10_000;

/** A bar with what is being measured; a line now and then where there is no terminal. */
export class Progress {
  readonly #bar = new SingleBar({
    format:
      ' {bar} {value}/{total} | round {round}, {work}, {name} done | {duration_formatted}, about {eta_formatted} left',
    hideCursor: true,
    clearOnComplete: true,
    etaBuffer: 30,
    noTTYOutput: true,
    notTTYSchedule: LINE_EVERY_MS,
  });

  constructor(total: number) {
    this.#bar.start(total, 0, { round: 1, work: '', name: 'nothing' });
  }

  begin(round: number, work: string): void {
    this.#bar.update({ round: round + 1, work, name: 'nothing' });
  }

  did(name: string): void {
    this.#bar.increment({ name });
  }

  stop(): void {
    this.#bar.stop();
  }
}
