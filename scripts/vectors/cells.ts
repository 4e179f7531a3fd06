import {
  applied,
  created,
  createArguments,
  fenceOf,
  LEASE_MS,
  need,
  OVERDUE,
  OWNER,
  PENDING,
  reached,
  settleArguments,
  STATES,
  takenOver,
  TIMED,
  unchanged,
  type Options,
  type State,
} from './states';
import { later, message, type Vector } from './vector';

const isPending = (state: State): boolean => (PENDING as readonly State[]).includes(state);
const timedOut = (state: State): boolean =>
  state === 'timed out' || (OVERDUE as readonly State[]).includes(state);
const OTHER = { owner: 'owner-2', leaseMs: 20_000 } as const;

/** Each verb in each state: the cells of the state table. */
export function createCells(): Vector[] {
  return STATES.flatMap((state) => [
    create(`create, ${state}`, state, {}),
    create(`create with a lease, ${state}`, state, OTHER),
    supersede(`create with supersede, ${state}`, state, {}),
    supersede(`create with supersede and a lease, ${state}`, state, OTHER),
    createWithOrigin(`create with origin, ${state}`, state),
    createWithOtherOrigin(`create with the origin of another flow, ${state}`, state),
    ...(['COMPLETED', 'FAILED', 'CANCELED', 'TIMED_OUT'] as const).map((status) => reuse(state, status)),
  ]);
}

function create(name: string, state: State, options: Options): Vector {
  const vector = reached(name, state);
  const request = vector.request();
  const leased = options['owner'] !== undefined;
  if (leased && state === 'lapsed') return takenOver(vector, { request, options });
  if (isPending(state)) return unchanged(vector, 'create', createArguments({ request, options }), 'joined');
  if (state === 'completed')
    return unchanged(vector, 'create', createArguments({ request, options }), 'settled');
  return created(vector, { request, options });
}

function supersede(name: string, state: State, more: Options): Vector {
  const vector = reached(name, state);
  const { view } = vector;
  const options = { ...more, conflict: 'supersede' };
  const tells = isPending(state) && view;
  // The message bears the time of the create that tells it.
  const at = `<t${vector.steps.filter((step) => 'call' in step).length + 1}>`;
  return created(
    vector,
    { request: vector.request(), options },
    tells ? [message('SUPERSEDED', view, at)] : [],
  );
}

function createWithOrigin(name: string, state: State): Vector {
  const vector = reached(name, state);
  const options = { ...OTHER, origin: vector.view?.origin ?? '1' };
  const request = vector.request();
  const args = createArguments({ request, options });
  if (state === 'absent') return unchanged(vector, 'create', args, 'not_found');
  if (state === 'lapsed') return takenOver(vector, { request, options });
  return unchanged(vector, 'create', args, isPending(state) ? 'joined' : 'settled');
}

function createWithOtherOrigin(name: string, state: State): Vector {
  const vector = reached(name, state);
  const args = createArguments({ request: vector.request(), options: { ...OTHER, origin: 1 } });
  return unchanged(vector, 'create', args, state === 'absent' ? 'not_found' : 'superseded');
}

const ENDED_AS: Partial<Record<State, string>> = {
  completed: 'COMPLETED',
  failed: 'FAILED',
  canceled: 'CANCELED',
};

function reuse(state: State, status: string): Vector {
  const vector = reached(`create that reuses ${status}, ${state}`, state);
  const options = { reuse: status };
  const request = vector.request();
  const args = createArguments({ request, options });
  if (isPending(state)) return unchanged(vector, 'create', args, 'joined');
  const ended = timedOut(state) ? 'TIMED_OUT' : ENDED_AS[state];
  if (ended === status) return unchanged(vector, 'create', args, 'settled');
  return created(vector, { request, options });
}

export function settleCells(): Vector[] {
  const statuses = ['COMPLETED', 'FAILED', 'CANCELED'] as const;
  return STATES.flatMap((state) => [
    ...statuses.map((status) => settle(`settle to ${status}, ${state}`, state, status, false)),
    settle(`settle with the record's fence, ${state}`, state, 'COMPLETED', true),
    otherFence(`settle with another fence, ${state}`, state, {}),
    ...statuses.map((status) => replace(`replace by ${status}, ${state}`, state, status)),
    otherFence(`replace with another fence, ${state}`, state, { replace: 1 }),
  ]);
}

function settle(name: string, state: State, status: string, fenced: boolean): Vector {
  const vector = reached(name, state);
  const options = fenced ? { fence: fenceOf(vector) } : {};
  const request = vector.request();
  if (isPending(state)) return applied(vector, { request, status, options });
  const args = settleArguments({ request, status, options });
  if (state === 'absent') return unchanged(vector, 'settle', args, 'not_found');
  return unchanged(vector, 'settle', args, timedOut(state) ? 'late' : 'already_settled');
}

function otherFence(name: string, state: State, more: Options): Vector {
  const vector = reached(name, state);
  const args = settleArguments({
    request: vector.request(),
    status: 'COMPLETED',
    options: { fence: 1, ...more },
  });
  return unchanged(vector, 'settle', args, state === 'absent' ? 'not_found' : 'superseded');
}

function replace(name: string, state: State, status: string): Vector {
  const vector = reached(name, state);
  const options = { fence: fenceOf(vector), replace: 1 };
  const settling = { request: vector.request(), status, options };
  if (state === 'absent') return unchanged(vector, 'settle', settleArguments(settling), 'not_found');
  applied(vector, settling);
  const retention = status === 'COMPLETED' ? 300_000 : 60_000;
  return vector.redis(['PEXPIRETIME', '<record>'], later(need(vector.view).settledAt ?? '', retention));
}

export function ownerCells(): Vector[] {
  const others = [
    ['another fence', '1', OWNER],
    ['another owner', undefined, 'owner-2'],
  ] as const;
  return STATES.flatMap((state) => [
    renew(`renew, ${state}`, state),
    release(`release, ${state}`, state),
    ...others.flatMap(([what, fence, owner]) => [
      notHeld(`renew with ${what}, ${state}`, state, 'renew', fence, owner),
      notHeld(`release with ${what}, ${state}`, state, 'release', fence, owner),
    ]),
  ]);
}

function ownerVerdict(state: State): string {
  if (state === 'absent') return 'not_found';
  return isPending(state) ? 'superseded' : 'settled';
}

function renew(name: string, state: State): Vector {
  const vector = reached(name, state, TIMED);
  const args = [fenceOf(vector), OWNER, String(LEASE_MS)];
  if (state !== 'owned' && state !== 'lapsed')
    return unchanged(vector, 'renew', args, ownerVerdict(state), true);
  return vector
    .call('renew', args, (now, view) => ({
      verdict: 'renewed',
      view: { ...need(view), leaseUntil: later(now, LEASE_MS) },
    }))
    .redis(['PEXPIRETIME', '<timer>'], need(vector.view).leaseUntil);
}

function release(name: string, state: State): Vector {
  const vector = reached(name, state, TIMED);
  const args = [vector.request(), fenceOf(vector), OWNER];
  if (state === 'lapsed') return unchanged(vector, 'release', args, 'released');
  if (state !== 'owned') return unchanged(vector, 'release', args, ownerVerdict(state), true);
  return vector
    .call('release', args, (now, found) => {
      const view = { ...need(found), leaseUntil: now };
      return { verdict: 'released', view, told: [message('RELEASED', view, now)] };
    })
    .redis(['PEXPIRETIME', '<timer>'], need(vector.view).deadlineAt);
}

function notHeld(
  name: string,
  state: State,
  verb: 'renew' | 'release',
  fence: string | undefined,
  owner: string,
): Vector {
  const vector = reached(name, state);
  const held = [fence ?? fenceOf(vector), owner];
  const args = verb === 'renew' ? [...held, '1000'] : [vector.request(), ...held];
  return unchanged(vector, verb, args, ownerVerdict(state), true);
}

export function readCells(): Vector[] {
  return STATES.map((state) =>
    unchanged(reached(`read, ${state}`, state), 'read', [], state === 'absent' ? 'not_found' : 'found'),
  );
}

export function deleteCells(): Vector[] {
  return STATES.flatMap((state) => {
    const status = timedOut(state) ? 'TIMED_OUT' : (ENDED_AS[state] ?? 'PENDING');
    return [
      remove(`delete, ${state}`, state, () => ({})),
      remove(`delete with the record's fence, ${state}`, state, (vector) => ({ fence: fenceOf(vector) })),
      remove(`delete with the record's status, ${state}`, state, () => ({ statuses: `FAILED,${status}` })),
      mismatch(`delete with another fence, ${state}`, state, { fence: 1 }),
      mismatch(`delete with another status, ${state}`, state, {
        statuses: status === 'CANCELED' ? 'FAILED' : 'CANCELED',
      }),
    ];
  });
}

function remove(name: string, state: State, options: (vector: Vector) => Options): Vector {
  const vector = reached(name, state);
  const args = [vector.request(), ...Object.entries(options(vector)).flat().map(String)];
  if (state === 'absent') return unchanged(vector, 'delete', args, 'not_found');
  let receiptUntil = '';
  vector.call('delete', args, (now, view) => {
    receiptUntil = later(now, 60_000);
    const told = isPending(state) ? [message('DELETED', need(view), now)] : [];
    return { verdict: 'deleted', view: null, shown: need(view), told };
  });
  // The receipt, which every other verb takes for nothing.
  vector.redis(['PEXPIRETIME', '<record>'], receiptUntil);
  return unchanged(vector, 'read', [], 'not_found');
}

function mismatch(name: string, state: State, options: Options): Vector {
  const vector = reached(name, state);
  const args = [vector.request(), ...Object.entries(options).flat().map(String)];
  return unchanged(vector, 'delete', args, state === 'absent' ? 'not_found' : 'mismatch');
}
