import assert from 'node:assert/strict';
import { type Fields } from '../../helpers/record.js';
import { type Flow } from '../helpers/flow.js';
import { shown } from '../helpers/states.js';
import { argumentsOf, type Call } from './calls.js';
import { type Answer, Model } from './model.js';
import { elapse, see, type Seen } from './server.js';
import { fieldsOf, type Standing } from './state.js';

/** One random history of a flow: each step is predicted by the model, run on Redis, and compared. */
export class Run {
  readonly model = new Model();
  readonly calls: Call[] = [];
  /** All fences that were given, in order. */
  readonly fences: string[] = [];
  readonly #applied = new Set<string>();
  #last: { call: Call; seen: Seen } | undefined;
  #requests = 0;
  #now = 0;

  constructor(readonly flow: Flow) {}

  newRequest(): string {
    return `r${++this.#requests}`;
  }

  async call(call: Call): Promise<void> {
    const before = this.model.flow && structuredClone(this.model.flow);
    const seen = await see(this.flow, call.verb, argumentsOf(call));
    let given: string | undefined;
    const answer = this.model.step(call, seen.now, () => (given = this.#givenFence(seen)));
    this.#compare(answer, seen);
    this.#invariants(call, seen, before, given);
    this.calls.push(call);
    this.#now = seen.now;
    this.#last = { call, seen };
  }

  /** Sends an earlier call again, as a client does that lost its connection. */
  async replay(back: number): Promise<void> {
    const call = this.calls.at(-1 - (back % this.calls.length))!;
    const last = this.#last;
    await this.call(call);
    if (last?.call === call) this.#answersAsBefore(call, last.seen, this.#last!.seen);
  }

  /** Lets the lease, or the deadline, have just passed. */
  async pass(instant: 'leaseUntil' | 'deadlineAt'): Promise<void> {
    const at = this.model.flow?.[instant];
    const left = at === undefined ? 0 : at - this.#now;
    if (left > 0) await this.elapse(left);
  }

  async elapse(ms: number): Promise<void> {
    await elapse(this.flow, ms);
    this.model.elapse(ms);
    this.#last = undefined;
  }

  async vanish(): Promise<void> {
    await this.flow.wiring.client.del(this.flow.key, this.flow.timer);
    this.model.vanish();
    this.#last = undefined;
  }

  /** A new fence is one more than the last, or the clock in µs. */
  #givenFence({ after, now }: Seen): string {
    const fence = after.record?.['fence'] ?? '';
    assert.match(fence, /^[1-9]\d{0,15}$/, 'a new fence is a whole number');
    const last = this.fences.at(-1);
    const clock = Math.floor(Number(fence) / 1000) === now;
    assert.ok(
      clock || fence === String(Number(last) + 1),
      `fence ${fence} is neither the clock nor the next one`,
    );
    assert.ok(!last || Number(fence) > Number(last), `fence ${fence} does not grow: it was ${last ?? ''}`);
    this.fences.push(fence);
    return fence;
  }

  #compare(answer: Answer, seen: Seen): void {
    const { model } = this;
    assert.equal(seen.verdict, answer.verdict, 'verdict');
    assert.deepEqual(seen.record, replied(answer), 'the record that came with the verdict');
    assert.deepEqual(seen.after.record, model.flow && fieldsOf(model.flow), 'the record in Redis');
    assert.deepEqual(seen.after.receipt, model.receipt, 'the receipt in Redis');
    assert.deepEqual(seen.messages, model.messages, 'messages');
    assert.equal(seen.after.recordUntil, model.recordUntil, 'when Redis forgets the record');
    assert.equal(seen.after.timer, model.timerUntil && '1', 'the timer');
    assert.equal(seen.after.timerUntil, model.timerUntil ?? -2, 'the end of the timer');
  }

  /** What must hold whatever the model says. */
  #invariants(call: Call, seen: Seen, before: Standing | undefined, given: string | undefined): void {
    const owner = ['created', 'taken_over'].includes(seen.verdict);
    if (given && call.verb === 'create') assert.ok(owner, 'a fence is given to an owner');
    if (seen.verdict === 'applied' && call.verb === 'settle' && !call.replace) {
      const origin = seen.record!['origin']!;
      assert.ok(!this.#applied.has(origin), `flow ${origin} was settled twice`);
      this.#applied.add(origin);
    }
    const after = seen.after.record;
    const sameFlow = before && before.status !== 'PENDING' && after?.['fence'] === before.fence;
    if (sameFlow) assert.deepEqual(after, fieldsOf(before), 'a terminal record never changes');
  }

  #answersAsBefore(call: Call, first: Seen, again: Seen): void {
    const verdict = first.verdict === 'applied' ? 'duplicate' : first.verdict;
    assert.equal(again.verdict, verdict, 'a replay answers as the first time');
    assert.deepEqual(again.messages, [], 'a replay tells nobody');
    if (call.verb !== 'renew') assert.deepEqual(again.after, first.after, 'a replay changes nothing');
  }
}

function replied({ record, omit }: Answer): Fields | undefined {
  if (!record) return undefined;
  const payload = record.status === 'COMPLETED' ? 'result' : 'error';
  // A reply without payloads still carries an empty one; one to whoever sent the payload does not.
  const omitted = omit === 'payload' && record[payload] === '' ? undefined : omit;
  return shown(fieldsOf(record), omitted && payload);
}
