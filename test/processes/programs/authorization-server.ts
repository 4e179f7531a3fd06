import { AuthorizationServer } from '../../../examples/demo/authorization-server.js';

/** Starts one, prints where, and answers every message with what it has seen. */
async function main(): Promise<void> {
  const server = await AuthorizationServer.start();
  const seen = server.watch();
  process.on('message', () => process.send?.(seen()));
  console.log(`listening on ${server.issuer}`);
}

void main();
