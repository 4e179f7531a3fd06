/** What a batch answers one call in one string, in the parts that the script itself would answer. */
export function unpacked(reply: Buffer): Buffer[] {
  const line = reply.includes('\n') ? reply.indexOf('\n') : reply.length;
  const [verdict = '', bytes, ...head] = reply.subarray(0, line).toString('latin1').split(' ');
  const parts: Buffer[] = [verdict, head.join(' ')].map((part) => Buffer.from(part, 'latin1'));
  if (bytes === '-') return parts;
  const end = line + 1 + Number(bytes);
  parts.push(reply.subarray(line + 1, end));
  if (end < reply.length) {
    if (reply[end] !== 0x0a) throw new Error(`no line break behind the metadata of ${reply.toString()}`);
    parts.push(reply.subarray(end + 1));
  }
  return parts;
}
