import fc from 'fast-check';
import {
  checkId,
  checkPrefix,
  checkType,
  flowOfKey,
  heartbeatChannelOf,
  hintChannelOf,
  keysOf,
} from '../../../src/contract/keys.js';
import { FlowInvalidArgumentError } from '../../../src/index.js';

const NO_STRINGS: readonly unknown[] = [undefined, null, 1, true, {}, [], Symbol('id'), 1n];

const ids = fc
  .oneof(
    fc.string({ unit: 'binary', minLength: 1 }),
    fc.constantFrom('}', '{', ':', '}:{', 'x}', ':timer', '🔑'),
  )
  .filter((id) => {
    try {
      return checkId('t', id) === id;
    } catch {
      return false;
    }
  });
const types = fc.stringMatching(/^[A-Za-z0-9_.-]{1,64}$/);
const prefixes = fc.stringMatching(/^[A-Za-z0-9_.:-]{1,64}$/);

/** What Cluster hashes: what stands between the first { and the next }, if that is not empty. */
function hashTagOf(key: string): string {
  const open = key.indexOf('{');
  const close = key.indexOf('}', open + 1);
  return open >= 0 && close > open + 1 ? key.slice(open + 1, close) : key;
}

describe('keysOf', () => {
  it('names the record by type and id, and the timer after the record', () => {
    expect(keysOf('flow', { type: 'login', id: 'a' })).toEqual({
      record: 'flow:{login:a}',
      timer: 'flow:{login:a}:timer',
    });
  });

  it('keeps both keys in one slot, whatever the id holds', () => {
    fc.assert(
      fc.property(prefixes, types, ids, (prefix, type, id) => {
        const { record, timer } = keysOf(prefix, { type, id });
        expect(hashTagOf(timer)).toBe(hashTagOf(record));
        expect(hashTagOf(record).startsWith(`${type}:`)).toBe(true);
      }),
    );
  });

  it('gives different flows different keys', () => {
    fc.assert(
      fc.property(types, ids, types, ids, (type, id, otherType, otherId) => {
        fc.pre(type !== otherType || id !== otherId);
        const one = keysOf('flow', { type, id });
        const other = keysOf('flow', { type: otherType, id: otherId });
        expect(new Set([one.record, one.timer, other.record, other.timer]).size).toBe(4);
      }),
    );
  });

  it('names the channels of hints and heartbeats', () => {
    expect(hintChannelOf(3, keysOf('flow', { type: 't', id: 'a' }))).toBe('__keyspace@3__:flow:{t:a}:timer');
    expect(heartbeatChannelOf('flow', 'b1')).toBe('flow:heartbeat:b1');
  });
});

describe('flowOfKey', () => {
  it('is the inverse of keysOf', () => {
    fc.assert(
      fc.property(prefixes, types, ids, (prefix, type, id) => {
        expect(flowOfKey(prefix, keysOf(prefix, { type, id }).record)).toEqual({ type, id });
      }),
    );
  });

  it('knows no timer as a record', () => {
    fc.assert(
      fc.property(types, ids, (type, id) => {
        expect(flowOfKey('flow', keysOf('flow', { type, id }).timer)).toBeUndefined();
      }),
    );
  });

  it.each([
    '',
    'flow',
    'flow:{}',
    'flow:{t}',
    'flow:{:a}',
    'flow:{t:}',
    'flow:{t:a',
    'other:{t:a}',
    'flow:{a b:c}',
  ])('gives nothing for a key that is no record: %j', (key) => {
    expect(flowOfKey('flow', key)).toBeUndefined();
  });
});

describe('checkType', () => {
  it.each(['a', 'mcp_oauth', 'A-Z.0-9', 'x'.repeat(64)])('takes %j', (type) => {
    expect(checkType(type)).toBe(type);
  });

  it.each([...NO_STRINGS, '', 'x'.repeat(65), 'a b', 'a:b', 'a{', 'a}', 'é', 'a\n', 'a/b'])(
    'refuses %p',
    (type) => {
      expect(() => checkType(type)).toThrow(FlowInvalidArgumentError);
      expect(() => checkType(type)).toThrow(/^type must be 1 to 64/);
    },
  );
});

describe('checkPrefix', () => {
  it.each(['flow', 'a:b:c', 'x'.repeat(64)])('takes %j', (prefix) => {
    expect(checkPrefix(prefix)).toBe(prefix);
  });

  it.each([...NO_STRINGS, '', 'x'.repeat(65), 'a{b', 'a*', 'a?', '[a]', 'a b'])('refuses %p', (prefix) => {
    expect(() => checkPrefix(prefix)).toThrow(/^prefix must be 1 to 64/);
  });
});

describe('checkId', () => {
  it.each([
    'a',
    ' ',
    '}',
    '{}',
    ':',
    'ключ 🔑 \u202e\u0301',
    'x'.repeat(512),
    'é'.repeat(256),
    '🔑'.repeat(128),
  ])('takes %j', (id) => {
    expect(checkId('t', id)).toBe(id);
  });

  it.each([...NO_STRINGS])('refuses %p, which is no string', (id) => {
    expect(() => checkId('t', id)).toThrow(/^id of a t flow must be a string/);
  });

  it.each(['', 'x'.repeat(513), `${'é'.repeat(256)}x`, '🔑'.repeat(129)])(
    'counts bytes, not characters: %j',
    (id) => {
      expect(() => checkId('t', id)).toThrow(/must be 1 to 512 bytes, got \d+$/);
    },
  );

  it.each(['\0', 'a\n', '\t', '\r', '\u001f', '\u007f', 'a\u0080', '\u009f'])(
    'refuses control characters: %j',
    (id) => {
      expect(() => checkId('t', id)).toThrow(/must have no control characters/);
    },
  );

  it.each(['\ud800', 'a\udc00', '\udc00\ud800', 'a\ud83d', '🔑\udd11'])(
    'refuses lone surrogates: %j',
    (id) => {
      expect(() => checkId('t', id)).toThrow(/must be well-formed Unicode/);
    },
  );

  it('takes only ids that come back from UTF-8 as they were', () => {
    fc.assert(
      fc.property(ids, (id) => {
        expect(Buffer.from(id).toString()).toBe(id);
        expect(Buffer.byteLength(id)).toBeLessThanOrEqual(512);
      }),
    );
  });
});
