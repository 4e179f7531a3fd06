import { createBroker, FlowInvalidArgumentError, type Broker, type Flows } from '../../../src/index.js';
import {
  NO_FUNCTIONS,
  NO_OBJECTS,
  NO_SIGNALS,
  NO_STATUS_LISTS,
  NO_WHOLE_NUMBERS,
  TOO_LONG,
} from './values.js';

/** Nothing listens there: a call that is not refused beforehand fails as unavailable instead. */
const NOWHERE = { host: '127.0.0.1', port: 1, lazyConnect: true };

let broker: Broker;
let flows: Flows;
beforeAll(() => {
  broker = createBroker({ redis: NOWHERE, commandTimeoutMs: 10 });
  flows = broker.define('t');
});
afterAll(() => broker.close());

type Call = (options: unknown, id?: unknown) => Promise<unknown>;
const CALLS = {
  create: (options, id = 'a') => flows.create(id as string, options as never),
  wait: (options, id = 'a') => flows.wait(id as string, options as never),
  open: (options, id = 'a') => flows.open(id as string, options as never),
  complete: (options, id = 'a') => flows.complete(id as string, 1, options as never),
  fail: (options, id = 'a') => flows.fail(id as string, 'no', options as never),
  cancel: (options, id = 'a') => flows.cancel(id as string, 'no', options as never),
  run: (options, id = 'a') => flows.run(id as string, () => 1, options as never),
  runFenced: (options, id = 'a') => flows.runFenced(id as string, () => 1, options as never),
  delete: (options, id = 'a') => flows.delete(id as string, options as never),
  list: async (options) => flows.list(options as never).return(undefined),
} satisfies Record<string, Call>;
type Verb = keyof typeof CALLS;
const VERBS = Object.keys(CALLS) as Verb[];

async function refusal(call: Promise<unknown>): Promise<string> {
  const error: unknown = await call.then(
    () => new Error('it was accepted'),
    (thrown: unknown) => thrown,
  );
  if (error instanceof FlowInvalidArgumentError) return error.message;
  throw error;
}

const TIME = [0, TOO_LONG, ...NO_WHOLE_NUMBERS];
const FENCE = [0, ...NO_WHOLE_NUMBERS];
const NO_CONFLICTS = [null, '', 'JOIN', 'replace', 1, true];
const CREATING: Record<string, readonly unknown[]> = {
  timeoutMs: TIME,
  conflict: NO_CONFLICTS,
  reuse: [...NO_STATUS_LISTS, ['PENDING']],
  minFreshMs: [...NO_WHOLE_NUMBERS, TOO_LONG],
  rejectFence: FENCE,
};
const SETTLING = { fence: FENCE, retentionMs: TIME, replace: [null, 1, 'yes', {}] };
const RUNNING = {
  signal: NO_SIGNALS,
  waitMs: TIME,
  timeoutMs: TIME,
  leaseMs: [...NO_WHOLE_NUMBERS, 0, 99, TOO_LONG],
  maxAttempts: [...NO_WHOLE_NUMBERS.filter((value) => value !== Infinity), 1_000_001],
  minFreshMs: [...NO_WHOLE_NUMBERS, TOO_LONG],
  rejectFence: FENCE,
  onUnavailable: [null, '', 'RUN', 1, true],
};

/** Every option of every call, with what it must not be. */
const WRONG: Record<Verb, Record<string, readonly unknown[]>> = {
  create: CREATING,
  open: { ...CREATING, signal: NO_SIGNALS, waitMs: TIME },
  wait: { signal: NO_SIGNALS, timeoutMs: TIME },
  complete: SETTLING,
  fail: SETTLING,
  cancel: SETTLING,
  run: RUNNING,
  runFenced: RUNNING,
  delete: { fence: FENCE, statuses: NO_STATUS_LISTS },
  list: { status: [null, '', 'pending', 'DONE', 5, ['PENDING']] },
};

describe.each(VERBS)('%s', (verb) => {
  const call: Call = CALLS[verb];

  it.each(Object.entries(WRONG[verb]))('refuses a wrong %s by name', async (name, values) => {
    for (const value of values)
      expect(await refusal(call({ [name]: value }))).toMatch(new RegExp(`^${name} must`));
  });

  it.each(NO_OBJECTS)('refuses options that are none: %p', async (options) => {
    expect(await refusal(call(options))).toMatch(/^the options of .* must be an object/);
  });

  it('refuses an option that nothing reads, and names all that are known', async () => {
    const message = await refusal(call({ nonsense: 1 }));
    expect(message).toMatch(/has no option "nonsense"; known: /);
    for (const name of Object.keys(WRONG[verb])) expect(message).toContain(name);
  });

  if (verb !== 'list')
    it.each([null, 5, '', 'x'.repeat(513), 'a\0', '\ud800', {}])('refuses the id %p', async (id) => {
      expect(await refusal(call(undefined, id))).toMatch(/^id of a t flow must/);
    });
});

it.each(NO_FUNCTIONS)('refuses the handler %p', async (handler) => {
  expect(await refusal(flows.run('a', handler as never))).toBe('handler must be a function');
});

it('refuses replace without the fence that it replaces', async () => {
  expect(await refusal(flows.complete('a', 1, { replace: true }))).toMatch(/^replace needs fence/);
});

it.each([undefined, null, ''])('refuses the id %p of get', async (id) => {
  expect(await refusal(flows.get(id as string))).toMatch(/^id of a t flow must/);
});
