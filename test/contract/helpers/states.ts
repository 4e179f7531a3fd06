import { type Fields } from '../../helpers/record.js';
import { type Contract } from './contract.js';
import { type Change, type Flow, HEAD, newRequest } from './flow.js';
import { type Argument, type Verb } from './variants.js';

/** The columns of the state table; the overdue ones are past their deadline and nobody has looked since. */
export const PENDING = ['open', 'owned', 'lapsed'] as const;
export const TERMINAL = ['completed', 'failed', 'canceled', 'timed out'] as const;
export const OVERDUE = ['open, overdue', 'owned, overdue', 'lapsed, overdue'] as const;
export type State =
  'absent' | (typeof PENDING)[number] | (typeof TERMINAL)[number] | (typeof OVERDUE)[number];

export const TIMEOUT_MS = 600_000;
export const LEASE_MS = 30_000;
export const METADATA = '{"for":"alice"}';
export const OWNER = 'owner-1';

export interface Options {
  readonly [name: string]: Argument;
}

/** Arguments as the scripts take them, behind the publish verb. */
export function createArguments(options: Options = {}, request = newRequest()): Argument[] {
  return [request, TIMEOUT_MS, METADATA, ...pairs(options)];
}

export function settleArguments(
  status: string,
  payload: Argument,
  options: Options = {},
  request = newRequest(),
  inlineBytes = 8192,
): Argument[] {
  return [request, status, payload, inlineBytes, ...pairs(options)];
}

export function pairs(options: Options): Argument[] {
  return Object.entries(options).flat();
}

export const OWNED: Options = { owner: OWNER, leaseMs: LEASE_MS };
/** The timer is kept for flows that ask for it only. */
export const TIMED: Options = { timer: 1 };

/** A flow in the state that a column of the table names, brought there by the scripts. */
export async function reach(contract: Contract, state: State, options: Options = {}): Promise<Flow> {
  const flow = await contract.flow();
  await bring(flow, state, options);
  return flow;
}

export async function bring(flow: Flow, state: State, options: Options = {}): Promise<void> {
  const settleAs = async (status: string, payload: string): Promise<void> => {
    await flow.run('create', createArguments(options));
    await flow.run('settle', settleArguments(status, payload));
  };
  if (state === 'absent') return;
  if (state === 'completed') return settleAs('COMPLETED', '"tokens"');
  if (state === 'failed') return settleAs('FAILED', '{"name":"Error","message":"no"}');
  if (state === 'canceled') return settleAs('CANCELED', '{"name":"Error","message":"gone"}');
  const owned = state.startsWith('owned') || state.startsWith('lapsed');
  await flow.run('create', createArguments(owned ? { ...OWNED, ...options } : options));
  if (state.startsWith('lapsed')) await flow.lapse();
  if (state.endsWith('overdue') || state === 'timed out') await flow.expire();
  if (state === 'timed out') await flow.run('read', []);
}

/** The fence that an owner of this flow would give. */
export async function fenceOf(flow: Flow): Promise<string> {
  const { record } = await flow.snapshot();
  return record?.['fence'] ?? '1';
}

/** Good arguments for any script: for what must hold whatever the verb. */
export function argumentsFor(verb: Verb, fence = '1', request = newRequest()): Argument[] {
  const all: Record<Verb, Argument[]> = {
    create: createArguments(OWNED, request),
    settle: settleArguments('COMPLETED', '"late"', {}, request),
    renew: [fence, OWNER, LEASE_MS],
    release: [request, fence, OWNER],
    read: [],
    delete: [request],
  };
  return all[verb];
}

/** A message as the contract writes it. */
export function message(
  event: string,
  record: Fields,
  at: number | string,
  payload?: string,
  form = 'inline',
): string {
  return `1 ${event} ${record['origin']!} ${record['fence']!} ${at} ${form}\n${payload ?? ''}`;
}

/** The part of a record that a reply shows; `omitted` is the payload that is left out of it. */
export function shown(record: Fields | undefined, omitted?: 'result' | 'error'): Fields | undefined {
  const fields = [...HEAD, 'metadata', 'result', 'error'].filter((field) => field !== omitted);
  return (
    record &&
    Object.fromEntries(fields.flatMap((field) => (field in record ? [[field, record[field]!]] : [])))
  );
}

/** Nothing changed and nobody was told; what stands there came back. */
export function expectUntouched(change: Change, omitted?: 'result' | 'error'): void {
  expect(change.after).toEqual(change.before);
  expect(change.messages).toEqual([]);
  expect(change.record).toEqual(shown(change.before.record, omitted));
}

/** The deadline was written as the outcome, by this call, and told once. */
export function expectTimedOut({ before, after, messages }: Change): void {
  const deadline = before.record!['deadlineAt']!;
  const record = { ...before.record, status: 'TIMED_OUT', settledAt: deadline, settledBy: 'timeout' };
  expect(after.record).toEqual(record);
  expect(after.recordUntil).toBe(before.recordUntil);
  expect(after.timer).toBeUndefined();
  expect(messages).toEqual([message('TIMED_OUT', before.record!, deadline)]);
}
