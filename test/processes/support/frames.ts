const CRLF = '\r\n';

/** Splits what a server says into whole top-level replies and pushes, RESP2 and RESP3 alike. */
export function frames(): (bytes: Buffer) => Buffer[] {
  let rest: Buffer = Buffer.alloc(0);
  return (bytes) => {
    rest = rest.length > 0 ? Buffer.concat([rest, bytes]) : bytes;
    const whole: Buffer[] = [];
    let at = 0;
    for (let end = endOf(rest, at); end > 0; end = endOf(rest, at)) {
      whole.push(rest.subarray(at, end));
      at = end;
    }
    rest = rest.subarray(at);
    return whole;
  };
}

/** A published message: a push of RESP3, or the array that RESP2 sends to a subscriber. */
export function isMessage(frame: Buffer): boolean {
  const head = frame.toString('latin1', 0, 20);
  return /^[>*]3\r\n\$7\r\nmessage\r\n/.test(head);
}

/** Where the value that begins at `at` ends, or -1 while some of it has not come. */
function endOf(bytes: Buffer, at: number): number {
  const line = bytes.indexOf(CRLF, at, 'latin1');
  if (at >= bytes.length || line < 0) return -1;
  const after = line + CRLF.length;
  const size = Number(bytes.toString('latin1', at + 1, line));
  switch (String.fromCharCode(bytes[at]!)) {
    case '$':
    case '!':
    case '=':
      return size < 0 ? after : fits(bytes, after + size + CRLF.length);
    case '*':
    case '~':
    case '>':
      return endOfMany(bytes, after, size);
    case '%':
      return endOfMany(bytes, after, size * 2);
    default:
      return after;
  }
}

function fits(bytes: Buffer, end: number): number {
  return end <= bytes.length ? end : -1;
}

function endOfMany(bytes: Buffer, start: number, count: number): number {
  let at = start;
  for (let left = count; left > 0 && at > 0; left--) at = endOf(bytes, at);
  return at;
}
