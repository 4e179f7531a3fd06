import { later, message, type Expected, type Value, Vector, type View } from './vector';

/** The columns of the state table; the overdue ones are past their deadline and nobody has looked since. */
export const PENDING = ['open', 'owned', 'lapsed'] as const;
export const TERMINAL = ['completed', 'failed', 'canceled', 'timed out'] as const;
export const OVERDUE = ['open, overdue', 'owned, overdue', 'lapsed, overdue'] as const;
export type State =
  'absent' | (typeof PENDING)[number] | (typeof TERMINAL)[number] | (typeof OVERDUE)[number];
export const STATES: readonly State[] = ['absent', ...PENDING, ...TERMINAL, ...OVERDUE];

export const TIMEOUT_MS = 600_000;
export const LEASE_MS = 30_000;
export const METADATA = '{"for":"Zoë"}';
export const OWNER = 'owner-1';
export const RESULT = '{"ok":true}';
export const ERROR = '{"name":"Error","message":"no"}';

export type Options = Readonly<Record<string, string | number>>;
export const OWNED: Options = { owner: OWNER, leaseMs: LEASE_MS };

/** The timer is kept for flows that ask for it only. */
export const TIMED: Options = { timer: 1 };

export function pairs(options: Options): string[] {
  return Object.entries(options).flatMap(([name, value]) => [name, String(value)]);
}

export interface Create {
  readonly request: string;
  readonly options?: Options;
  readonly metadata?: Value;
}

export function createArguments({ request, options = {}, metadata = METADATA }: Create): Value[] {
  return [request, String(TIMEOUT_MS), metadata, ...pairs(options)];
}

/** A create that opens the flow, whatever stood there. */
export function created(vector: Vector, create: Create, told: readonly Value[] = []): Vector {
  const { options = {}, metadata = METADATA } = create;
  return vector.call('create', createArguments(create), (now) => {
    const { first, name } = vector.newFence();
    const deadlineAt = later(now, TIMEOUT_MS);
    const base = { status: 'PENDING', fence: first, origin: name, createdAt: now, deadlineAt, metadata };
    if (options['owner'] === undefined) return { verdict: 'created', view: { ...base, attempt: '0' }, told };
    const leaseUntil = later(now, Number(options['leaseMs']));
    const owned = { ...base, attempt: '1', owner: String(options['owner']), leaseUntil };
    return { verdict: 'created', view: owned, told };
  });
}

/** A create with a lease that becomes the owner of a lapsed flow. */
export function takenOver(vector: Vector, create: Create): Vector {
  const { options = {} } = create;
  return vector.call('create', createArguments(create), (now, view) => ({
    verdict: 'taken_over',
    view: {
      ...need(view),
      fence: vector.newFence().first,
      attempt: String(Number(need(view).attempt) + 1),
      owner: String(options['owner']),
      leaseUntil: later(now, Number(options['leaseMs'])),
    },
  }));
}

export interface Settle {
  readonly request: string;
  readonly status: string;
  readonly payload?: Value;
  readonly options?: Options;
  readonly inlineBytes?: number;
}

export function payloadOf(status: string): string {
  return status === 'COMPLETED' ? RESULT : ERROR;
}

export function settleArguments(settle: Settle): Value[] {
  const { request, status, payload = payloadOf(status), options = {}, inlineBytes = 8192 } = settle;
  return [request, status, payload, String(inlineBytes), ...pairs(options)];
}

/** A settle that ends the flow. */
export function applied(vector: Vector, settle: Settle): Vector {
  const { request, status, payload = payloadOf(status), options = {}, inlineBytes = 8192 } = settle;
  const size = typeof payload === 'string' ? Buffer.byteLength(payload) : payload.hex.length / 2;
  return vector.call('settle', settleArguments(settle), (now, found) => {
    const { freshUntil: _gone, ...view } = need(found);
    const fence = view.status === 'PENDING' ? view.fence : vector.newFence().first;
    const fresh = options['freshUntil'] === undefined ? {} : { freshUntil: String(options['freshUntil']) };
    const after: View = { ...view, ...fresh, fence, status, settledAt: now, settledBy: request, payload };
    const told =
      size > inlineBytes ? message(status, after, now, '', 'stored') : message(status, after, now, payload);
    return { verdict: 'applied', view: after, bare: true, told: [told] };
  });
}

/** A vector whose flow is in a state, brought there by the scripts. */
export function reached(name: string, state: State, options: Options = {}): Vector {
  const vector = new Vector(name);
  if (state === 'absent') return vector;
  const owned = state.startsWith('owned') || state.startsWith('lapsed');
  created(vector, { request: vector.request(), options: owned ? { ...OWNED, ...options } : options });
  if (state.startsWith('lapsed')) vector.lapse();
  if (state.endsWith('overdue')) vector.expire();
  if (state === 'completed') applied(vector, { request: vector.request(), status: 'COMPLETED' });
  if (state === 'failed') applied(vector, { request: vector.request(), status: 'FAILED' });
  if (state === 'canceled') applied(vector, { request: vector.request(), status: 'CANCELED' });
  if (state === 'timed out') vector.expire().call('read', [], () => ({ verdict: 'found' }));
  return vector;
}

/** A call that changes nothing and shows the record as it stands. */
export function unchanged(
  vector: Vector,
  verb: string,
  args: readonly Value[],
  verdict: string,
  bare = false,
): Vector {
  return vector.call(verb, args, () => ({ verdict, bare }) satisfies Expected);
}

export function need(view: View | undefined): View {
  if (!view) throw new Error('nothing stands here');
  return view;
}

/** The record's own fence, or 1 where nothing stands. */
export function fenceOf(vector: Vector): string {
  return vector.view?.fence ?? '1';
}
