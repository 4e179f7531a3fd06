/** One header line; a name may come more than once. */
export type HeaderLine = readonly [name: string, value: string];

/** A response, of whatever framework. */
export interface Reply {
  readonly status: number;
  readonly headers: readonly HeaderLine[];
  readonly body: Uint8Array | AsyncIterable<Uint8Array>;
}

/** Each header once, with all its lines. */
export function byName(headers: readonly HeaderLine[]): Map<string, string | string[]> {
  const all = new Map<string, string | string[]>();
  for (const [name, value] of headers) {
    const before = all.get(name);
    all.set(name, before === undefined ? value : [before, value].flat());
  }
  return all;
}

/** A reply as it is kept for repetitions: the headers that may be kept, the whole body or none. */
export interface KeptReply {
  readonly status: number;
  readonly headers: readonly HeaderLine[];
  /** Undefined when it was too large. */
  readonly body: Buffer | undefined;
}

/**
 * Response headers that are never kept: those of one connection or one moment, those that the next server sets itself, and cookies,
 * which belong to one session. `allowHeaders` can bring back `set-cookie` and `date`-like ones, never those of the connection.
 */
export const defaultDeniedHeaders = [
  'set-cookie',
  'date',
  'age',
  'server-timing',
  'x-request-id',
  'traceresponse',
  'alt-svc',
] as const;

const OF_CONNECTION = [
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'content-length',
  'idempotency-replayed',
];
const MAX_HEADER_BYTES = 65_536;

/** What the codec adds to a body. */
export const HEAD_BYTES = MAX_HEADER_BYTES + 1_024;

export interface KeepingRules {
  readonly maxResponseBytes: number;
  readonly allowHeaders?: readonly string[] | undefined;
  readonly denyHeaders?: readonly string[] | undefined;
}

/** A reply twice: what its own caller gets, whole, and what is kept. */
export interface Kept {
  readonly whole: Reply;
  readonly kept: KeptReply;
}

/** Reads the body up to the limit. A larger one is not kept, and goes on to its own caller as it comes. */
export async function keep(reply: Reply, rules: KeepingRules): Promise<Kept> {
  const { status } = reply;
  const headers = keptHeaders(reply.headers, rules);
  const { read, rest } = await readUpTo(reply.body, rules.maxResponseBytes);
  if (rest) return { whole: { ...reply, body: rest }, kept: { status, headers: [], body: undefined } };
  const bytes = headers.reduce((sum, [name, value]) => sum + Buffer.byteLength(name + value) + 8, 0);
  const fits = bytes <= MAX_HEADER_BYTES;
  return {
    whole: { ...reply, body: read },
    kept: { status, headers: fits ? headers : [], body: fits ? read : undefined },
  };
}

function keptHeaders(headers: readonly HeaderLine[], rules: KeepingRules): HeaderLine[] {
  const lower = (names: readonly string[]): string[] => names.map((name) => name.toLowerCase());
  const named = headers.flatMap(([name, value]) =>
    name.toLowerCase() === 'connection' ? lower(value.split(',').map((one) => one.trim())) : [],
  );
  const never = new Set([...OF_CONNECTION, ...named, ...lower(rules.denyHeaders ?? [])]);
  const allowed = rules.allowHeaders && new Set(lower(rules.allowHeaders));
  if (!allowed) for (const name of defaultDeniedHeaders) never.add(name);
  return headers
    .map(([name, value]): HeaderLine => [name.toLowerCase(), value])
    .filter(([name]) => !never.has(name) && (allowed?.has(name) ?? true));
}

/** All bytes, if they are within the limit; else everything as a stream that begins with what was read. */
async function readUpTo(
  body: Reply['body'],
  limit: number,
): Promise<{ read: Buffer; rest?: AsyncIterable<Uint8Array> }> {
  if (body instanceof Uint8Array) {
    const read = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
    return read.length > limit ? { read, rest: continued([read]) } : { read };
  }
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  const chunksToCome = body[Symbol.asyncIterator]();
  for (;;) {
    const next = await chunksToCome.next();
    if (next.done) return { read: Buffer.concat(chunks) };
    chunks.push(next.value);
    bytes += next.value.length;
    if (bytes > limit) return { read: Buffer.alloc(0), rest: continued(chunks, chunksToCome) };
  }
}

async function* continued(
  read: readonly Uint8Array[],
  toCome?: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  let over = false;
  try {
    yield* read;
    while (toCome) {
      const next = await toCome.next();
      over = next.done === true;
      if (next.done) return;
      yield next.value;
    }
  } finally {
    if (!over) await toCome?.return?.();
  }
}
