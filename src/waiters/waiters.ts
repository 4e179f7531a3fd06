import { parseMessage, type FlowMessage } from '../contract/messages.js';
import type { Reply } from '../contract/replies.js';
import { describeFlow, FlowClosedError, FlowUnavailableError, type FlowName } from '../errors.js';
import { ChurnMap } from '../redis/churn-map.js';
import type { Line } from '../redis/line.js';
import type { Listening } from '../redis/topology.js';
import type { Telemetry } from '../broker/telemetry.js';
import { deleted, endingByMessage, endingByRecord, notFound, type Ending } from './ending.js';
import { Hints } from './hints.js';
import { Looks } from './looks.js';
import { Rereads } from './rereads.js';
import type { Due } from './schedule.js';
import type { WaitersOptions } from './waiters-options.js';
import { Watch, type Cause, type Waiter } from './watch.js';

/**
 * Everything that is waited for in this process. A wait registers first, then subscribes, then reads; from then on anything that
 * happens leads to the same: look at what was said, or read the record again.
 */
export class Waiters {
  readonly rereads: Rereads;
  readonly #looks: Looks;
  readonly #watches = new ChurnMap<Watch>();
  readonly hints: Hints;
  readonly #options: WaitersOptions;
  readonly #telemetry: Telemetry;
  readonly #listening: () => Listening;
  #count = 0;
  readonly #deserted: Watch[] = []; // nobody waits for these any more
  #closed = false;

  constructor(options: WaitersOptions, listening: () => Listening, telemetry: Telemetry) {
    this.#options = options;
    this.#listening = listening;
    this.#telemetry = telemetry;
    this.hints = new Hints(options.hintChannelOf, listening);
    this.#looks = new Looks(options.rereadMs, {
      reread: (watch, cause) => {
        this.rereads.request(watch, cause);
      },
      giveUp: (watch) => this.#giveUp(watch),
      followHints: (watch) => {
        this.hints.follow(watch);
      },
    });
    this.rereads = new Rereads({
      read: (flow) => options.read(flow),
      laneOf: (watch) => this.#listening().laneOf(watch.channel),
      observed: (watch, reply, cause) => this.#observe(watch, reply, cause),
      failed: (watch, error) => {
        // An outage ends no wait.
        if (!(error instanceof FlowUnavailableError)) this.#endAll(watch, { kind: 'error', error });
        else if (watch.waiters.size > 0) this.#looks.retry(watch);
      },
    });
  }

  get count(): number {
    return this.#count;
  }

  get watches(): Iterable<Watch> {
    return this.#watches.values();
  }

  readonly isWatched = (channel: string): boolean => this.#watches.has(channel);

  get watchCount(): number {
    this.#letGo();
    return this.#watches.size;
  }

  /** Registers the waiter, subscribes, and makes its first call, whose reply binds it to the flow it finds. */
  begin<R extends Reply<string>>(
    flow: FlowName,
    waiter: Waiter,
    first: (line: Line) => Promise<R>,
    bound: ((reply: R) => void) | undefined,
    failed: (error: Error) => void,
  ): void {
    if (this.#closed) {
      failed(new FlowClosedError('the broker is closed', { flow }));
      return;
    }
    const watch = this.#join(flow, waiter);
    this.#listening().read(watch.channel, (line) => {
      if (!watch.waiters.has(waiter)) return; // it gave up before anything was sent
      first(line).then(
        (reply) => {
          this.#bind(watch, waiter, reply);
          bound?.(reply);
        },
        (error: unknown) => {
          if (watch.leave(waiter)) this.#left(watch);
          failed(error as Error);
        },
      );
    });
  }

  /** The waiter ends otherwise: its caller gave up. */
  leave(flow: FlowName, waiter: Waiter): void {
    const watch = this.#watches.get(this.#options.channelOf(flow));
    if (watch?.leave(waiter)) this.#left(watch);
  }

  /** Something was said on a flow's channel, or on the hint channel of its timer. */
  hear(channel: string, payload: Buffer): void {
    const watch = this.#watches.get(channel);
    if (watch) this.#hearMessage(watch, parseMessage(payload));
    else {
      const hinted = this.hints.expired(channel, payload);
      if (hinted) this.rereads.request(hinted, 'hint');
    }
  }

  /** Reads the flows of these channels. */
  reread(cause: Cause, channels: readonly string[]): void {
    const watches = channels.flatMap((channel) => this.#watches.get(channel) ?? []);
    for (const watch of watches) this.rereads.request(watch, cause);
  }

  /** Hints are to be had now: waits that are under way follow them too. */
  hintsFound(): void {
    for (const watch of this.#watches.values()) this.#looks.hint(watch, this.hints.wanted(watch));
  }

  close(error: Error): void {
    this.#closed = true;
    for (const watch of [...this.#watches.values()]) this.#endAll(watch, { kind: 'error', error });
    this.#letGo();
    this.#looks.schedule.close();
  }

  /** A moment of a waiter's own, so many ms from now. */
  schedule(due: Due, ms: number): void {
    this.#looks.schedule.set(due, performance.now() + ms);
  }

  unschedule(due: Due): void {
    this.#looks.schedule.remove(due);
  }

  #join(flow: FlowName, waiter: Waiter): Watch {
    const channel = this.#options.channelOf(flow);
    let watch = this.#watches.get(channel);
    if (!watch) {
      watch = new Watch(flow, channel, this.#looks.due);
      if (this.#watches.size === 0) this.#options.busy();
      this.#watches.set(channel, watch);
      this.#listening().hold(channel);
    }
    watch.join(waiter);
    this.#count++;
    return watch;
  }

  #left(watch: Watch): void {
    this.#count--;
    // Who was woken goes first.
    if (watch.waiters.size === 0 && this.#deserted.push(watch) === 1) queueMicrotask(this.#letGo);
  }

  readonly #letGo = (): void => {
    for (const watch of this.#deserted.splice(0)) {
      if (watch.waiters.size > 0 || this.#watches.get(watch.channel) !== watch) continue;
      this.#watches.delete(watch.channel);
      this.#looks.schedule.remove(watch);
      this.rereads.drop(watch);
      this.#listening().release(watch.channel);
      this.hints.drop(watch);
      if (this.#watches.size === 0) this.#options.quiet();
    }
  };

  #bind(watch: Watch, waiter: Waiter, reply: Reply<string>): void {
    if (!watch.waiters.has(waiter)) return;
    if (!reply.record) {
      const error = (waiter.origin === undefined ? notFound : deleted)(watch.flow);
      this.#end(watch, waiter, { kind: 'error', error });
      return;
    }
    waiter.origin ??= reply.record.origin;
    waiter.boundAt = reply.now;
    this.#looks.hint(watch, this.hints.wanted(watch));
    const found = endingByRecord(watch.flow, waiter, reply.record, reply.now);
    if (found) this.#observe(watch, reply, undefined);
    else this.#looks.plan(watch, reply.record, reply.now);
    if (watch.heard) {
      watch.heard = false;
      this.#again(watch, 'message');
    }
  }

  #hearMessage(watch: Watch, message: FlowMessage | undefined): void {
    let read = message === undefined;
    for (const waiter of watch.waiters) {
      if (waiter.origin === undefined) {
        watch.heard = true;
        continue;
      }
      const found = message ? endingByMessage(watch.flow, waiter, message) : 'read';
      if (found === 'read') read = true;
      else if (found) {
        this.#telemetry.count('wakes', watch.flow, { ending: found.kind });
        this.#end(watch, waiter, found);
      }
    }
    if (read) this.#again(watch, 'message');
  }

  /** What a read found, for every waiter that it concerns. Reads may overtake one another: an older flow is never news. */
  #observe(watch: Watch, reply: Reply<string>, cause: Cause | undefined): void {
    if (cause) this.#telemetry.count('rereads', watch.flow, { cause });
    const { record, now } = reply;
    const missed = (cause === 'poll' || cause === 'sweep') && record?.status !== 'TIMED_OUT';
    for (const waiter of watch.waiters) {
      if (waiter.origin === undefined) continue;
      const found = endingByRecord(watch.flow, waiter, record, now);
      if (found === 'read') this.#again(watch, record ? 'large' : 'message');
      else if (found) {
        if (missed && found.kind !== 'lapsed')
          this.#telemetry.count('missedWakes', watch.flow, { cause, ending: found.kind });
        this.#end(watch, waiter, found);
      }
    }
    if (watch.waiters.size > 0 && record) this.#looks.plan(watch, record, now);
  }

  #again(watch: Watch, cause: Cause): void {
    if (watch.waiters.size > 0) this.rereads.request(watch, cause);
  }

  #giveUp(watch: Watch): boolean {
    if (this.rereads.promised(watch)) return false;
    const text = `the deadline of ${describeFlow(watch.flow)} passed, and Redis could not be asked how it ended`;
    this.#endAll(watch, { kind: 'error', error: new FlowUnavailableError(text, { flow: watch.flow }) });
    return true;
  }

  #endAll(watch: Watch, ending: Ending): void {
    for (const waiter of [...watch.waiters]) this.#end(watch, waiter, ending);
  }

  #end(watch: Watch, waiter: Waiter, ending: Ending): void {
    if (!watch.leave(waiter)) return;
    waiter.end(ending);
    this.#left(watch);
  }
}
