import { type Redis } from 'ioredis';

/** Field, value; each byte of a value is one character (latin1), so that any bytes can be compared. */
export type Fields = Readonly<Record<string, string>>;

// prettier-ignore
const WORDS = [
  'v', 'bytes', 'status', 'fence', 'origin', 'attempt', 'createdAt', 'deadlineAt', 'leaseUntil', 'settledAt', 'freshUntil',
  'owner', 'settledBy', 'createdBy',
];
const WITH_PAYLOAD = ['COMPLETED', 'FAILED', 'CANCELED'];

/** The fields of a record as it is stored; undefined where nothing stands, or where a delete left its receipt. */
export function fieldsOf(stored: Buffer | null): Fields | undefined {
  if (!stored) return undefined;
  const text = stored.toString('latin1');
  const end = text.indexOf('\n');
  const words = text.slice(0, end).split(' ');
  const fields: Record<string, string> = {};
  WORDS.forEach((name, at) => {
    if (words[at] !== '-') fields[name] = words[at]!;
  });
  for (const note of words.slice(WORDS.length)) {
    const at = note.indexOf('=');
    fields[note.slice(0, at)] = note.slice(at + 1);
  }
  const { bytes, ...record } = fields;
  if (record['status'] === 'DELETED') return undefined;
  const from = end + 1 + Number(bytes);
  record['metadata'] = text.slice(end + 1, from);
  if (WITH_PAYLOAD.includes(record['status']!))
    record[record['status'] === 'COMPLETED' ? 'result' : 'error'] = text.slice(from + 1);
  return record;
}

function storedOf({ metadata = '', result, error, ...fields }: Fields): Buffer {
  const known = { ...fields, bytes: String(metadata.length) } as Fields;
  const words = WORDS.map((name) => known[name] ?? '-');
  const notes = Object.keys(fields).filter((name) => !WORDS.includes(name));
  const line = [...words, ...notes.map((name) => `${name}=${fields[name]!}`)].join(' ');
  return Buffer.from(`${line}\n${metadata}\n${result ?? error ?? ''}`, 'latin1');
}

export async function readRecord(client: Redis, key: string): Promise<Fields | undefined> {
  return fieldsOf(await client.getBuffer(key));
}

/** Writes fields behind the scripts' back; what a field is left without is `undefined`. */
export async function editRecord(
  client: Redis,
  key: string,
  changes: Readonly<Record<string, string | number | undefined>>,
): Promise<void> {
  const fields = Object.entries({ ...(await readRecord(client, key)), ...changes }).flatMap(
    ([name, value]) => (value === undefined ? [] : [[name, String(value)] as const]),
  );
  await client.set(key, storedOf(Object.fromEntries(fields)), 'KEEPTTL');
}
