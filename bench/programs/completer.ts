import { FlowStateManager } from '../../src/adapters/librechat.js';

/** Completes the flows it is told, each with the moment just before as its result. */
const [url = ''] = process.argv.slice(2);
const manager = new FlowStateManager<string>(url);

process.on('message', (id: string) => {
  if (id === '') void manager.close().then(() => process.disconnect());
  else void manager.completeFlow(id, 'bench', String(process.hrtime.bigint()));
});
process.send?.('ready');
