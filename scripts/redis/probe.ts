import { connect } from 'node:net';

const GREETING = 'INFO server\r\nPING\r\n';

/**
 * Resolves with the pid of the server that answers on a loopback port; with `undefined` if it wants a password first.
 * Rejects if nobody answers, or not yet (a server that loads its data). The pid tells our server from another one that
 * took the port first.
 */
export function probe(port: number, timeoutMs = 1_000): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, timeout: timeoutMs });
    let reply = '';
    const fail = (error: Error): void => {
      socket.destroy();
      reject(error);
    };
    socket.setEncoding('utf8');
    socket.on('connect', () => socket.write(GREETING));
    socket.on('data', (chunk: string) => {
      reply += chunk;
      const ready = reply.endsWith('+PONG\r\n');
      const locked = reply.startsWith('-NOAUTH');
      if (ready || locked) {
        socket.destroy();
        const pid = /process_id:(\d+)/.exec(reply)?.[1];
        resolve(pid === undefined ? undefined : Number(pid));
      } else if (reply.startsWith('-')) {
        fail(new Error(reply.split('\r\n')[0]));
      }
    });
    socket.on('timeout', () => fail(new Error(`no answer on port ${port} in ${timeoutMs} ms`)));
    socket.on('error', fail);
    socket.on('close', () => reject(new Error(`port ${port} closed the connection`)));
  });
}
