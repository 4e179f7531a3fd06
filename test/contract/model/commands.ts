import fc from 'fast-check';
import { type Call, type Status } from './calls.js';
import { type Run } from './run.js';

export type Command = fc.AsyncCommand<object, Run>;

/** Which fence a caller gives: most often that of the flow, sometimes an old or an impossible one, or none. */
type Which = 'current' | 'old' | 'next' | 'none';
const which = fc.oneof(
  { weight: 5, arbitrary: fc.constant<Which>('current') },
  { weight: 2, arbitrary: fc.constant<Which>('old') },
  { weight: 1, arbitrary: fc.constant<Which>('next') },
);
const whichOrNone = fc.oneof(
  { weight: 3, arbitrary: which },
  { weight: 3, arbitrary: fc.constant<Which>('none') },
);

function fenceOf(run: Run, choice: Which): string | undefined {
  const last = run.model.flow?.fence ?? run.fences.at(-1) ?? '7';
  if (choice === 'none') return undefined;
  if (choice === 'next') return String(Number(last) + 1);
  return choice === 'current' ? last : (run.fences.at(-2) ?? '6');
}

function originOf(run: Run, choice: Which): string | undefined {
  if (choice === 'current') return run.model.flow?.origin ?? run.fences.at(-1) ?? '7';
  return fenceOf(run, choice);
}

const owner = fc.constantFrom('owner-a', 'owner-b', 'owner-c');
const leaseMs = fc.constantFrom(10_000, 60_000, 900_000);
const sometimes = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(arbitrary, { nil: undefined, freq: 2 });
const rarely = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.oneof({ weight: 4, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary });
const rareFence = fc.oneof(
  { weight: 6, arbitrary: fc.constant<Which>('none') },
  { weight: 2, arbitrary: fc.constant<Which>('current') },
  { weight: 1, arbitrary: fc.constant<Which>('old') },
);
const statuses = (known: readonly Status[]) => fc.subarray([...known]);
const TERMINAL = ['COMPLETED', 'FAILED', 'CANCELED', 'TIMED_OUT'] as const;

const create = fc.record({
  timeoutMs: fc.constantFrom(50_000, 400_000),
  metadata: fc.constantFrom('', '{}', '{"for":"alice"}'),
  lease: sometimes(fc.record({ owner, leaseMs })),
  maxAttempts: fc.constantFrom(0, 0, 1, 2),
  retention: rarely(fc.constant([100_000, 200_000, 300_000, 400_000] as const)),
  supersede: fc.constantFrom(false, false, false, true),
  reuse: sometimes(statuses(TERMINAL)),
  minFreshMs: fc.constantFrom(0, 0, 20_000),
  rejectFence: rareFence,
  origin: rareFence,
  timer: fc.boolean(),
});

const settle = fc.record({
  status: fc.constantFrom('COMPLETED', 'COMPLETED', 'FAILED', 'CANCELED'),
  payload: fc.constantFrom('', 'x', 'tokens'),
  inlineBytes: fc.constantFrom(0, 1, 100),
  fence: whichOrNone,
  freshForMs: rarely(fc.constantFrom(-1_000, 15_000, 100_000)),
  retentionMs: rarely(fc.constant(77_000)),
  replace: fc.constantFrom(false, false, true),
  own: fc.boolean(),
});

const creating = create.map((plan) => (run: Run): Call => ({
  verb: 'create',
  request: run.newRequest(),
  ...plan,
  origin: originOf(run, plan.origin),
  supersede: plan.supersede && plan.origin === 'none',
  rejectFence: fenceOf(run, plan.rejectFence),
}));

const settling = settle.map(({ freshForMs, ...plan }) => (run: Run): Call => ({
  verb: 'settle',
  request: run.newRequest(),
  ...plan,
  fence: fenceOf(run, plan.fence),
  replace: plan.replace && plan.fence !== 'none',
  freshUntil: plan.status === 'COMPLETED' && freshForMs !== undefined ? Date.now() + freshForMs : undefined,
}));

/** Whoever renews or releases: most often the owner. */
const holding = fc.record({ fence: which, owner: sometimes(owner) });
const holder = (run: Run, plan: { fence: Which; owner: string | undefined }) => ({
  fence: fenceOf(run, plan.fence)!,
  owner: plan.owner ?? run.model.flow?.owner ?? 'owner-a',
});

const renewing = fc
  .tuple(holding, leaseMs)
  .map(([plan, ms]) => (run: Run): Call => ({ verb: 'renew', ...holder(run, plan), leaseMs: ms }));

const releasing = fc.tuple(holding, fc.boolean()).map(([plan, unbegun]) => (run: Run): Call => ({
  verb: 'release',
  request: run.newRequest(),
  ...holder(run, plan),
  unbegun,
}));

const deleting = fc
  .record({ fence: whichOrNone, statuses: rarely(statuses(['PENDING', ...TERMINAL])) })
  .map((plan) => (run: Run): Call => ({
    verb: 'delete',
    request: run.newRequest(),
    fence: fenceOf(run, plan.fence),
    statuses: plan.statuses,
  }));

const reading = fc.constant((): Call => ({ verb: 'read' }));

function command(does: (run: Run) => Promise<void>, name: string): Command {
  return { check: () => true, run: (_model, run) => does(run), toString: () => name };
}

function calling(verb: string, arbitrary: fc.Arbitrary<(run: Run) => Call>): fc.Arbitrary<Command> {
  return arbitrary.map((plan) => {
    // What the plan became is known only once it has run; a failure shows that.
    let shown = verb;
    return {
      ...command(async (run) => {
        const call = plan(run);
        shown = JSON.stringify(call);
        await run.call(call);
      }, verb),
      toString: () => shown,
    };
  });
}

/** A runner, who takes over what it finds lapsed; without the options that keep flows from getting old. */
const running = fc
  .record({ owner, leaseMs, maxAttempts: fc.constantFrom(1, 2), timer: fc.boolean() })
  .map(({ maxAttempts, timer, ...lease }) => (run: Run): Call => ({
    verb: 'create',
    request: run.newRequest(),
    ...{ timeoutMs: 400_000, metadata: '', lease, maxAttempts, timer, supersede: false, minFreshMs: 0 },
  }));

/** An opener and a settler without any option: what most calls are, and what the scripts answer by their quick paths. */
const opening = fc.constantFrom('', '{"for":"bob"}').map((metadata) => (run: Run): Call => ({
  verb: 'create',
  request: run.newRequest(),
  ...{ timeoutMs: 50_000, metadata, maxAttempts: 0, timer: false, supersede: false, minFreshMs: 0 },
}));

const completing = fc
  .tuple(fc.constantFrom('', 'tokens'), fc.boolean())
  .map(([payload, own]) => (run: Run): Call => ({
    verb: 'settle',
    request: run.newRequest(),
    ...{ status: 'COMPLETED', payload, inlineBytes: 1, replace: false, own },
  }));

const times = <T>(count: number, arbitrary: T): T[] => Array.from({ length: count }, () => arbitrary);

/** What every history begins with, so that few of them go by without a flow. */
export const beginning = fc.oneof(running, creating, opening);

export const commands = fc.commands<object, Run, false>(
  [
    ...times(3, calling('create', creating)),
    ...times(3, calling('create', running)),
    ...times(2, calling('create', opening)),
    ...times(3, calling('settle', settling)),
    ...times(2, calling('settle', completing)),
    ...times(2, calling('renew', renewing)),
    calling('release', releasing),
    calling('delete', deleting),
    calling('read', reading),
    ...times(
      3,
      fc.nat(3).map((back) => command((run) => run.replay(back), `replay ${back} back`)),
    ),
    fc.constantFrom(5_000, 15_000, 70_000).map((ms) => command((run) => run.elapse(ms), `${ms} ms pass`)),
    ...times(3, fc.constant(command((run) => run.pass('leaseUntil'), 'the lease runs out'))),
    ...times(2, fc.constant(command((run) => run.pass('deadlineAt'), 'the deadline passes'))),
    fc.constant(command((run) => run.vanish(), 'Redis forgets')),
  ],
  { maxCommands: 80, size: 'max' },
);
