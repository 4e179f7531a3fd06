import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { frames, isMessage } from './frames.js';

interface Pair {
  readonly client: Socket;
  readonly server: Socket;
}

/** A TCP proxy before a server, for what a network does: cut, freeze, and lose what the server says unasked. */
export class Proxy {
  /** While true, published messages do not reach the clients; everything else does. */
  swallowing = false;
  /** Messages swallowed, but for heartbeats. */
  swallowed = 0;
  /** How long what the server says is held back before it goes on, in its order: asked anew for each piece. */
  delayMs: () => number = () => 0;
  /** Whether the network breaks right behind this reply, so that what the server said next is lost with the connection. */
  breaksBehind: (frame: Buffer) => boolean = () => false;
  readonly #target: number;
  readonly #pairs = new Set<Pair>();
  readonly #orphans = new Set<Socket>();
  #server: Server;
  #port = 0;

  private constructor(target: number) {
    this.#target = target;
    this.#server = this.#listener();
  }

  static async start(target: number): Promise<Proxy> {
    const proxy = new Proxy(target);
    await proxy.#listen();
    return proxy;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.#port}`;
  }

  get port(): number {
    return this.#port;
  }

  get connections(): number {
    return this.#pairs.size;
  }

  /** Ends the connections there are, as the network does that knows nothing of them: by RST to both sides. New ones work. */
  reset(which: () => boolean = () => true): void {
    for (const { client, server } of this.#pairs) {
      if (!which()) continue;
      client.resetAndDestroy();
      server.resetAndDestroy();
    }
  }

  /** The server loses some of the connections, and the clients are not told: they send into nothing. New ones work. */
  orphan(which: () => boolean = () => true): void {
    for (const { client, server } of this.#pairs) {
      if (!which()) continue;
      client.removeAllListeners('data');
      client.resume();
      server.removeAllListeners('close');
      server.destroy();
      this.#orphans.add(client);
      client.on('close', () => this.#orphans.delete(client));
    }
  }

  /** How many clients have not yet given up a connection that `orphan` took from them. */
  get orphans(): number {
    return this.#orphans.size;
  }

  /** Drops every connection and refuses new ones. */
  async cut(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const pair of this.#pairs) drop(pair);
    await closed;
  }

  /** Accepts connections again. */
  async mend(): Promise<void> {
    this.#server = this.#listener();
    await this.#listen();
  }

  /** The connections there are fall silent both ways, and stay open. New ones work. */
  freeze(): void {
    for (const { client, server } of this.#pairs) {
      client.pause();
      server.pause();
    }
  }

  /** What was held back goes on its way. */
  thaw(): void {
    for (const { client, server } of this.#pairs) {
      client.resume();
      server.resume();
    }
  }

  async stop(): Promise<void> {
    if (this.#server.listening) await this.cut();
  }

  #listener(): Server {
    return createServer((client) => {
      const server = connect(this.#target, '127.0.0.1');
      const pair = { client, server };
      this.#pairs.add(pair);
      for (const socket of [client, server]) {
        socket.setNoDelay(true);
        socket.on('error', () => undefined);
        socket.on('close', () => {
          this.#pairs.delete(pair);
          drop(pair);
        });
      }
      client.on('data', (bytes) => server.write(bytes));
      const split = frames();
      let held = 0;
      let before: Promise<unknown> = Promise.resolve();
      server.on('data', (bytes) => {
        const passing = split(bytes).filter((frame) => !this.#swallows(frame));
        const pass = (): void => {
          for (const frame of passing) {
            if (client.writableEnded) return;
            client.write(frame);
            if (this.breaksBehind(frame)) client.end();
          }
        };
        const ms = this.delayMs();
        if (ms === 0 && held === 0) {
          pass();
          return;
        }
        held++; // what comes behind must not overtake, and need not wait twice
        before = Promise.all([before, delay(ms)]).then(() => {
          held--;
          pass();
        });
      });
    });
  }

  #swallows(frame: Buffer): boolean {
    if (!this.swallowing || !isMessage(frame)) return false;
    if (!frame.includes(':heartbeat:')) this.swallowed++;
    return true;
  }

  async #listen(): Promise<void> {
    this.#server.listen(this.#port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#port = (this.#server.address() as { port: number }).port;
  }
}

function drop({ client, server }: Pair): void {
  client.destroy();
  server.destroy();
}
