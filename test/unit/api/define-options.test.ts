import { createBroker, FlowInvalidArgumentError, type Broker, type FlowOptions } from '../../../src/index.js';
import { NO_FUNCTIONS, NO_OBJECTS, NO_STATUS_LISTS, NO_WHOLE_NUMBERS, TOO_LONG } from './values.js';

let broker: Broker;
beforeAll(() => {
  broker = createBroker({ redis: { lazyConnect: true } });
});
afterAll(() => broker.close());

const defineAs = (type: unknown, options?: unknown) => broker.define(type as string, options as FlowOptions);
const define = (options: unknown) => defineAs('login', options);

function expectRefused(options: unknown, message: RegExp | string): void {
  expect(() => define(options)).toThrow(FlowInvalidArgumentError);
  expect(() => define(options)).toThrow(message);
}

const NUMBERS: readonly [name: string, least: number, most: number][] = [
  ['timeoutMs', 1, TOO_LONG - 1],
  ['leaseMs', 100, TOO_LONG - 1],
  ['maxAttempts', 0, 1_000_000],
  ['minFreshMs', 0, TOO_LONG - 1],
  ['maxPayloadBytes', 64, 512 * 1024 * 1024],
];

describe.each(NUMBERS)('%s', (name, least, most) => {
  const wrong = [...NO_WHOLE_NUMBERS, least - 1, most + 1].filter(
    (value) => !(name === 'maxAttempts' && value === Infinity),
  );
  it.each(wrong)('is refused by name: %p', (value) => {
    expectRefused({ [name]: value }, `${name} must be a whole number from`);
  });

  it.each([undefined, least, most])('is taken: %p', (value) => {
    expect(define({ [name]: value }).type).toBe('login');
  });
});

it('takes Infinity for attempts without a limit', () => {
  expect(define({ maxAttempts: Infinity }).type).toBe('login');
});

describe('retentionMs', () => {
  it.each(NO_WHOLE_NUMBERS.filter((value) => typeof value !== 'object'))(
    'is refused as one number: %p',
    (value) => {
      expectRefused({ retentionMs: value }, /^retentionMs must be a whole number from 1/);
    },
  );

  it.each(['completed', 'failed', 'canceled', 'timedOut'])(
    'is refused by the name of the way to end: %s',
    (name) => {
      for (const value of [...NO_WHOLE_NUMBERS, 0, TOO_LONG])
        expectRefused(
          { retentionMs: { [name]: value } },
          `retentionMs.${name} must be a whole number from 1`,
        );
      expect(define({ retentionMs: { [name]: 1 } }).type).toBe('login');
    },
  );

  it('is refused with a way to end that there is not, and as null or a list', () => {
    expectRefused({ retentionMs: { done: 5 } }, 'retentionMs has no option "done"; known: completed');
    expectRefused({ retentionMs: null }, 'retentionMs must be an object');
    expectRefused({ retentionMs: [] }, 'retentionMs must be an object');
  });
});

it.each(NO_FUNCTIONS)('refuses the freshUntil %p', (freshUntil) => {
  expectRefused({ freshUntil }, /^freshUntil must be a function/);
});

it.each(NO_STATUS_LISTS)('refuses the reuse %p', (reuse) => {
  expectRefused({ reuse }, /^reuse must/);
});

it('refuses to reuse what is still pending', () => {
  expectRefused({ reuse: ['PENDING'] }, 'reuse must hold only COMPLETED, FAILED, CANCELED, TIMED_OUT');
});

it.each([null, 5, 'json', {}, { encode: () => '' }, { decode: () => 1 }, { encode: 1, decode: 2 }])(
  'refuses the codec %p',
  (codec) => {
    expectRefused({ codec }, /^codec must have the methods encode and decode/);
  },
);

it.each(NO_OBJECTS)('refuses options that are none: %p', (options) => {
  expectRefused(options, /^the options of define must be an object/);
});

it('refuses an option that nothing reads, and names those that are known', () => {
  expectRefused({ timeout: 5 }, /no option "timeout"; known: timeoutMs, /);
});

it.each([undefined, null, 5, '', 'a b', 'a:b', 'a}', 'x'.repeat(65), {}])('refuses the type %p', (type) => {
  expect(() => defineAs(type)).toThrow(/^type must be 1 to 64/);
});
