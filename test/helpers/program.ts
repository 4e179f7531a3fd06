import { once } from 'node:events';
import { type ChildProcess } from 'node:child_process';

/** The next message a child sends over IPC; rejects if it ends without one. */
export async function message<T>(child: ChildProcess): Promise<T> {
  const stop = new AbortController();
  try {
    return await Promise.race([
      once(child, 'message', { signal: stop.signal }).then(([value]) => value as T),
      once(child, 'exit', { signal: stop.signal }).then(([code, signal]) => {
        throw new Error(`the child ended (${String(code ?? signal)}) before it sent a message`);
      }),
    ]);
  } finally {
    stop.abort();
  }
}
