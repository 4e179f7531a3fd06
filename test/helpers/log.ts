import { Writable } from 'node:stream';
import pino, { type Logger } from 'pino';

/** A pino logger at trace level, and every line it wrote. */
export function memoryLogger(): { readonly logger: Logger; readonly lines: string[] } {
  const lines: string[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(...chunk.toString().trim().split('\n'));
      done();
    },
  });
  return { logger: pino({ level: 'trace' }, stream), lines };
}
