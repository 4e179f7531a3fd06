import { type Receipt } from '../helpers/flow.js';
import { type Call, type Create, type Delete, type Release, type Renew, type Settle } from './calls.js';
import { columnOf, retentionOf, type Standing } from './state.js';

const RECEIPT_MS = 60_000;

/** What a call must have answered, beside what it left in the model. */
export interface Answer {
  readonly verdict: string;
  /** The record that comes with the verdict; `omit` names a field that is left out of it. */
  readonly record?: Standing | undefined;
  readonly omit?: 'result' | 'error' | 'payload';
}

/**
 * The state table in TypeScript, written from the design and not from the scripts. Time and new fences are given by the
 * server, so the model asks for them; everything else it predicts.
 */
export class Model {
  flow: Standing | undefined;
  /** What stands instead of a flow that was deleted. */
  receipt: Receipt | undefined;
  /** When Redis forgets the record, or the receipt. */
  recordUntil = -2;
  /** When the timer ends, if there is one. */
  timerUntil: number | undefined;
  messages: string[] = [];
  #now = 0;
  #newFence: () => string = () => '';

  /** Predicts a call that the server ran at `now`. */
  step(call: Call, now: number, newFence: () => string): Answer {
    this.messages = [];
    this.#now = now;
    this.#newFence = newFence;
    if (this.flow?.status === 'PENDING' && this.flow.deadlineAt <= now) this.#timeOut(this.flow);
    switch (call.verb) {
      case 'create':
        return this.#create(call);
      case 'settle':
        return this.#settle(call);
      case 'renew':
        return this.#renew(call);
      case 'release':
        return this.#release(call);
      case 'delete':
        return this.#delete(call);
      case 'read':
        return this.flow ? { verdict: 'found', record: this.flow } : { verdict: 'not_found' };
    }
  }

  /** As if this had all happened earlier. */
  elapse(ms: number): void {
    for (const field of ['createdAt', 'deadlineAt', 'leaseUntil', 'freshUntil', 'settledAt'] as const)
      if (this.flow?.[field] !== undefined) this.flow[field] -= ms;
  }

  /** Redis forgets the flow and all about it. */
  vanish(): void {
    this.flow = this.timerUntil = this.receipt = undefined;
    this.recordUntil = -2;
  }

  #create(call: Create): Answer {
    const { flow } = this;
    if (!flow) return call.origin ? { verdict: 'not_found' } : this.#open(call);
    const stands = (verdict: string): Answer => ({ verdict, record: flow });
    if (flow.createdBy === call.request) return stands(flow.attempt > 1 ? 'taken_over' : 'created');
    if (call.origin && call.origin !== flow.origin) return stands('superseded');
    const replayed = flow.displaced === call.request;
    const takenOver = flow.attempt > 1;
    if (replayed && !takenOver) return stands('superseded');
    if (call.supersede && !replayed) return this.#open(call);
    const column = columnOf(flow, this.#now);
    if (column === 'terminal')
      return call.origin || this.#reusable(flow, call) ? stands('settled') : this.#open(call);
    if (column === 'lapsed' && call.lease) return this.#takeOver(flow, call, call.lease);
    return stands('joined');
  }

  #reusable(flow: Standing, call: Create): boolean {
    if (flow.settledBy === 'owner_lost') return true;
    if (!(call.reuse ?? ['COMPLETED']).includes(flow.status)) return false;
    if (flow.status !== 'COMPLETED') return true;
    const freshForMs = flow.freshUntil === undefined ? Infinity : flow.freshUntil - this.#now;
    return flow.fence !== call.rejectFence && freshForMs >= call.minFreshMs;
  }

  #open(call: Create): Answer {
    const old = this.flow;
    if (old?.status === 'PENDING') this.#tell('SUPERSEDED', old, this.#now);
    const fence = this.#newFence();
    const deadlineAt = this.#now + call.timeoutMs;
    const deletedBy = (this.receipt ?? old)?.deletedBy;
    const endedBy = old ? (old.settledBy ?? old.endedBy) : this.receipt?.endedBy;
    this.flow = {
      ...{ status: 'PENDING', fence, origin: fence, attempt: call.lease ? 1 : 0, metadata: call.metadata },
      ...{ createdAt: this.#now, deadlineAt, createdBy: call.request },
      ...(call.lease && {
        owner: call.lease.owner,
        leaseUntil: this.#leaseEnd(call.lease.leaseMs, deadlineAt),
      }),
      ...(call.maxAttempts > 0 && { maxAttempts: call.maxAttempts }),
      ...(call.retention && { retention: call.retention }),
      ...(call.timer && { timer: 1 }),
      ...(old?.status === 'PENDING' && { displaced: old.createdBy }),
      ...(deletedBy && { deletedBy }),
      ...(endedBy && { endedBy }),
    };
    this.receipt = undefined;
    this.recordUntil = deadlineAt + retentionOf(this.flow, 'TIMED_OUT');
    this.#setTimer(this.flow, this.flow.leaseUntil ?? deadlineAt);
    return { verdict: 'created', record: this.flow };
  }

  #takeOver(flow: Standing, call: Create, lease: NonNullable<Create['lease']>): Answer {
    if (flow.maxAttempts !== undefined && flow.attempt >= flow.maxAttempts) {
      const message = `the owner was lost in attempt ${flow.attempt} of ${flow.maxAttempts}`;
      flow.error = JSON.stringify({ name: 'OwnerLostError', message, code: 'owner_lost' });
      this.#end(flow, 'FAILED', 'owner_lost', retentionOf(flow, 'FAILED'));
      this.#tell('FAILED', flow, this.#now, '', 'stored');
      return { verdict: 'settled', record: flow };
    }
    const leaseUntil = this.#leaseEnd(lease.leaseMs, flow.deadlineAt);
    Object.assign(flow, {
      displaced: flow.createdBy,
      createdBy: call.request,
      owner: lease.owner,
      leaseUntil,
    });
    flow.attempt += 1;
    flow.fence = this.#newFence();
    if (call.timer) flow.timer = 1;
    this.#setTimer(flow, leaseUntil);
    return { verdict: 'taken_over', record: flow };
  }

  #settle(call: Settle): Answer {
    const { flow } = this;
    if (!flow) return { verdict: 'not_found' };
    const stands = (verdict: string): Answer => ({ verdict, record: flow });
    if (flow.settledBy === call.request || flow.endedBy === call.request) return stands('duplicate');
    if (call.fence && call.fence !== flow.fence) return stands('superseded');
    if (flow.status !== 'PENDING') {
      if (!call.replace) return stands(flow.status === 'TIMED_OUT' ? 'late' : 'already_settled');
      flow.fence = this.#newFence();
      flow.endedBy = flow.settledBy!;
    }
    delete flow.result;
    delete flow.error;
    delete flow.freshUntil;
    if (call.freshUntil !== undefined) flow.freshUntil = call.freshUntil;
    flow[call.status === 'COMPLETED' ? 'result' : 'error'] = call.payload;
    this.#end(flow, call.status, call.request, call.retentionMs ?? retentionOf(flow, call.status));
    if (call.payload.length <= call.inlineBytes) this.#tell(call.status, flow, this.#now, call.payload);
    else this.#tell(call.status, flow, this.#now, '', 'stored');
    return { verdict: 'applied', record: flow, omit: call.status === 'COMPLETED' ? 'result' : 'error' };
  }

  #renew(call: Renew): Answer {
    const refused = this.#refuses(call);
    if (refused) return refused;
    const flow = this.flow!;
    flow.leaseUntil = this.#leaseEnd(call.leaseMs, flow.deadlineAt);
    this.#setTimer(flow, flow.leaseUntil);
    return { verdict: 'renewed', record: flow };
  }

  #release(call: Release): Answer {
    if (this.flow?.releasedBy === call.request) return { verdict: 'released', record: this.flow };
    const refused = this.#refuses(call);
    if (refused) return refused;
    const flow = this.flow!;
    if (columnOf(flow, this.#now) === 'owned') {
      Object.assign(flow, { leaseUntil: this.#now, releasedBy: call.request });
      if (call.unbegun && flow.maxAttempts !== undefined) flow.maxAttempts += 1;
      this.#setTimer(flow, flow.deadlineAt);
      this.#tell('RELEASED', flow, this.#now);
    }
    return { verdict: 'released', record: flow };
  }

  #refuses(call: Renew | Release): Answer | undefined {
    const { flow } = this;
    if (!flow) return { verdict: 'not_found' };
    if (flow.status !== 'PENDING') return { verdict: 'settled', record: flow, omit: 'payload' };
    const mine = flow.leaseUntil !== undefined && flow.fence === call.fence && flow.owner === call.owner;
    return mine ? undefined : { verdict: 'superseded', record: flow };
  }

  #delete(call: Delete): Answer {
    const { flow } = this;
    if (!flow) return { verdict: this.receipt?.deletedBy === call.request ? 'deleted' : 'not_found' };
    if (flow.deletedBy === call.request) return { verdict: 'deleted' };
    const matches = call.fence === undefined || call.fence === flow.fence;
    if (!matches || call.statuses?.includes(flow.status) === false)
      return { verdict: 'mismatch', record: flow };
    if (flow.status === 'PENDING') this.#tell('DELETED', flow, this.#now);
    const endedBy = flow.settledBy ?? flow.endedBy;
    this.flow = this.timerUntil = undefined;
    this.receipt = { fence: flow.fence, deletedBy: call.request, ...(endedBy && { endedBy }) };
    this.recordUntil = this.#now + RECEIPT_MS;
    return { verdict: 'deleted', record: flow };
  }

  #setTimer(flow: Standing, until: number): void {
    this.timerUntil = flow.timer && until;
  }

  #leaseEnd(leaseMs: number, deadlineAt: number): number {
    return Math.min(this.#now + leaseMs, deadlineAt);
  }

  #timeOut(flow: Standing): void {
    Object.assign(flow, { status: 'TIMED_OUT', settledAt: flow.deadlineAt, settledBy: 'timeout' });
    this.timerUntil = undefined;
    this.#tell('TIMED_OUT', flow, flow.deadlineAt);
  }

  #end(flow: Standing, status: Standing['status'], by: string, retentionMs: number): void {
    Object.assign(flow, { status, settledAt: this.#now, settledBy: by });
    this.timerUntil = undefined;
    this.recordUntil = this.#now + retentionMs;
  }

  #tell(event: string, flow: Standing, at: number, payload = '', form = 'inline'): void {
    this.messages.push(`1 ${event} ${flow.origin} ${flow.fence} ${at} ${form}\n${payload}`);
  }
}
