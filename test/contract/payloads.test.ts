import { useContract } from './helpers/contract.js';
import { createArguments, fenceOf, message, OWNER, reach, settleArguments } from './helpers/states.js';
import { VARIANTS } from './helpers/variants.js';

const ALL_BYTES = Buffer.from(Array.from({ length: 256 }, (_none, byte) => byte));
const PAYLOADS: readonly [string, Buffer][] = [
  ['no bytes', Buffer.alloc(0)],
  ['all byte values', ALL_BYTES],
  ['what looks like a number', Buffer.from('1e3')],
  ['line ends and a message head', Buffer.from('\r\n1 COMPLETED 1 1 1 inline\nx')],
  ['half a megabyte', Buffer.alloc(512 * 1024, ALL_BYTES)],
];
const STATUSES = [
  ['COMPLETED', 'result'],
  ['FAILED', 'error'],
  ['CANCELED', 'error'],
] as const;

const IDS: readonly [string, string][] = [
  ['of one character', 'a'],
  ['with braces', '}{a}}{'],
  ['that is a closing brace', '}'],
  ['with the hash tag of another key', '{other}'],
  ['with any Unicode', 'ключ 🔑 \u202e\u0301 鍵'],
  ['of 512 bytes', 'é'.repeat(256)],
  ['with colons and the word timer', ':timer:timer'],
  ['with pattern characters', '%d+ *?[a]^$ \\'],
];

describe.each(VARIANTS)('payloads and ids, by $name', (variant) => {
  const contract = useContract(variant);

  describe.each(PAYLOADS)('%s', (_what, payload) => {
    const text = payload.toString('latin1');

    it.each(STATUSES)('come back as they were sent: %s', async (status, field) => {
      const flow = await reach(contract, 'open');
      const args = settleArguments(status, payload, {}, 'me', 1024 * 1024);
      const change = await flow.act('settle', args);
      expect(change.after.record![field] === text).toBe(true);
      expect(change.messages[0] === message(status, change.after.record!, change.now, text)).toBe(true);
      expect(change.record).not.toHaveProperty(field);
      expect((await flow.run('read', [])).record![field] === text).toBe(true);
      expect((await flow.run('settle', args)).record![field] === text).toBe(true);
      const create = createArguments({ reuse: status, replyLimit: 1024 * 1024 });
      expect((await flow.run('create', create)).record![field] === text).toBe(true);
      expect((await flow.run('delete', ['me'])).record![field] === text).toBe(true);
    });

    it('come back as metadata', async () => {
      const flow = await contract.flow();
      const { record } = await flow.run('create', ['me', 1000, payload]);
      expect(record!['metadata'] === text).toBe(true);
      expect((await flow.run('read', [])).record!['metadata'] === text).toBe(true);
    });
  });

  it.each([
    ['up to the inline limit travels with its message', 10, 10, 'inline'],
    ['over the inline limit is stored only', 11, 10, 'stored'],
    ['is stored only when the limit is 0', 1, 0, 'stored'],
    ['that is empty is always inline', 0, 0, 'inline'],
  ])('a payload %s', async (_what, size, inlineBytes, form) => {
    const flow = await reach(contract, 'open');
    const payload = 'x'.repeat(size);
    const args = settleArguments('COMPLETED', payload, {}, 'me', inlineBytes);
    const { messages, after, now } = await flow.act('settle', args);
    const sent = form === 'inline' ? payload : '';
    expect(messages).toEqual([message('COMPLETED', after.record!, now, sent, form)]);
    expect(after.record!['result']).toBe(payload);
  });

  it.each([
    ['left out when larger', 9, true],
    ['sent when of that size', 10, false],
    ['sent when smaller', 11, false],
  ])('of a replyLimit, a payload is %s', async (_what, replyLimit, omits) => {
    for (const [status, field] of STATUSES) {
      const flow = await reach(contract, 'open');
      const payload = 'x'.repeat(10);
      await flow.run('settle', settleArguments(status, payload, {}, 'me'));
      const limited = { replyLimit };
      const replies = [
        await flow.run('read', ['replyLimit', replyLimit]),
        await flow.run('create', createArguments({ ...limited, reuse: status })),
        await flow.run('settle', settleArguments(status, payload, limited, 'me')),
        await flow.run('settle', settleArguments(status, payload, limited)),
        await flow.run('delete', ['me', 'fence', 1, 'replyLimit', replyLimit]),
        await flow.run('delete', ['me', 'replyLimit', replyLimit]),
      ];
      for (const { record } of replies) {
        expect(record).toMatchObject({ status });
        expect(record![field]).toBe(omits ? undefined : payload);
      }
    }
  });

  it.each([
    [65_536, true],
    [65_537, false],
  ])('without a replyLimit, create hands back a payload of %d bytes: %s', async (bytes, whole) => {
    const flow = await reach(contract, 'open');
    await flow.run('settle', settleArguments('COMPLETED', 'x'.repeat(bytes)));
    const { verdict, record } = await flow.run('create', createArguments({}));
    expect(verdict).toBe('settled');
    expect(record!['result'] !== undefined).toBe(whole);
    expect((await flow.run('read', [])).record!['result']).toHaveLength(bytes);
  });

  it.each(IDS)('an id %s lives in one slot through all its verbs', async (_what, id) => {
    const flow = await contract.flow(id);
    const slots = [flow.key, flow.timer].map((key) => contract.client.cluster('KEYSLOT', key));
    if (variant.cluster) expect(new Set(await Promise.all(slots)).size).toBe(1);
    else for (const slot of slots) await slot.catch(() => undefined);
    await flow.run('create', createArguments({ owner: OWNER, leaseMs: 1000 }));
    const fence = await fenceOf(flow);
    const renewed = await flow.run('renew', [fence, OWNER, 2000]);
    const released = await flow.act('release', ['releases', fence, OWNER]);
    expect(released.messages).toEqual([message('RELEASED', released.after.record!, released.now)]);
    const applied = await flow.act('settle', settleArguments('COMPLETED', 'yes'));
    expect(applied.messages).toEqual([message('COMPLETED', applied.after.record!, applied.now, 'yes')]);
    const found = await flow.run('read', []);
    const deleted = await flow.run('delete', ['deletes']);
    const verdicts = [renewed, released, applied, found, deleted].map(({ verdict }) => verdict);
    expect(verdicts).toEqual(['renewed', 'released', 'applied', 'found', 'deleted']);
  });
});
