/** How many parts a Redis Cluster's keys and sharded channels fall into. */
export const SLOTS = 16_384;

// CRC16 of the XMODEM kind, as the Cluster specification has it.
const TABLE = Uint16Array.from({ length: 256 }, (_none, byte) => {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1;
  return crc & 0xffff;
});

/** The slot of a key or channel: of what stands between its first `{` and the next `}`, if anything does, else of the whole. */
export function slotOf(key: string): number {
  const open = key.indexOf('{');
  const close = open < 0 ? -1 : key.indexOf('}', open + 1);
  const tagged = close > open + 1;
  const from = tagged ? open + 1 : 0;
  const to = tagged ? close : key.length;
  let crc = 0;
  for (let at = from; at < to; at++) {
    const code = key.charCodeAt(at);
    // Most names are ASCII, and whoever follows a Cluster asks for the slots of all it holds at once.
    if (code > 127) return slotOfBytes(Buffer.from(key.slice(from, to)));
    crc = next(crc, code);
  }
  return crc % SLOTS;
}

function slotOfBytes(bytes: Buffer): number {
  let crc = 0;
  for (const byte of bytes) crc = next(crc, byte);
  return crc % SLOTS;
}

function next(crc: number, byte: number): number {
  return ((crc << 8) & 0xffff) ^ (TABLE[(crc >> 8) ^ byte] ?? 0);
}
