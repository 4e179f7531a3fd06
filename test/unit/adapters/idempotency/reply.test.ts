import { randomBytes } from 'node:crypto';
import { text } from 'node:stream/consumers';
import { Readable } from 'node:stream';
import { replyCodec } from '../../../../src/adapters/idempotency/reply-codec.js';
import { keep, type KeptReply } from '../../../../src/adapters/idempotency/reply.js';

const place = (field: 'metadata' | 'result' | 'error') => ({ type: 't', id: 'i', field });
const through = (value: unknown, field: 'metadata' | 'result' | 'error'): unknown =>
  replyCodec.decode(Buffer.from(replyCodec.encode(value, place(field))), place(field));

describe('replyCodec', () => {
  const whole: KeptReply = {
    status: 201,
    headers: [
      ['x-a', '1'],
      ['x-a', '2'],
    ],
    body: randomBytes(500),
  };

  it('gives back status, headers and any bytes', () => {
    expect(through(whole, 'result')).toEqual(whole);
    expect(through({ ...whole, body: Buffer.alloc(0) }, 'result')).toEqual({
      ...whole,
      body: Buffer.alloc(0),
    });
  });

  it('tells a body that was not kept from an empty one', () => {
    expect(through({ ...whole, body: undefined }, 'result')).toEqual({ ...whole, body: undefined });
  });

  it('carries an answer in an error, and an error without one', () => {
    const info = { name: 'N', message: 'm', code: 'c' };
    expect(through({ ...info, data: whole }, 'error')).toEqual({ ...info, data: whole });
    expect(through(info, 'error')).toEqual(info);
  });

  it('reads an error in plain JSON, as an operator or a script may have written it', () => {
    expect(replyCodec.decode(Buffer.from('{"name":"N","message":"m"}'), place('error'))).toEqual({
      name: 'N',
      message: 'm',
    });
  });

  it.each(['', 'abc', '\u0000\u0000\u0000\u0009{}'])('refuses what is no answer: %j', (bytes) => {
    expect(() => replyCodec.decode(Buffer.from(bytes), place('result'))).toThrow('not an answer');
  });
});

describe('keep', () => {
  const reply = (body: string[], headers: [string, string][] = []) => ({
    status: 200,
    headers,
    body: Readable.from(body.map((chunk) => Buffer.from(chunk))),
  });

  it('keeps a body of just the limit, and hands a larger one on whole', async () => {
    const fits = await keep(reply(['ab', 'cd']), { maxResponseBytes: 4 });
    expect(fits.kept.body?.toString()).toBe('abcd');
    const large = await keep(reply(['ab', 'cd', 'e', 'f']), { maxResponseBytes: 4 });
    expect(large.kept).toEqual({ status: 200, headers: [], body: undefined });
    expect(await text(Readable.from(large.whole.body))).toBe('abcdef');
  });

  it('stops a body that nobody takes any more', async () => {
    const source = Readable.from(['abc', 'def', 'ghi'].map((chunk) => Buffer.from(chunk)));
    const { whole } = await keep({ status: 200, headers: [], body: source }, { maxResponseBytes: 1 });
    for await (const _chunk of whole.body as AsyncIterable<Uint8Array>) break;
    expect(source.destroyed).toBe(true);
  });

  it('does not keep headers without end', async () => {
    const many = Array.from({ length: 100 }, (_none, at): [string, string] => [
      `x-${String(at)}`,
      'y'.repeat(1_000),
    ]);
    const { whole, kept } = await keep(reply(['a'], many), { maxResponseBytes: 10 });
    expect(kept.body).toBeUndefined();
    expect(whole.headers).toHaveLength(100);
  });
});
