import { Socket } from 'node:net';

// Preloaded by spawnTs. A pipe rather than the IPC channel's 'disconnect': a listener for that would keep the child
// alive, and tests need children that end by themselves once they have closed everything.
const fd = Number(process.env.PARENT_PIPE_FD);
delete process.env.PARENT_PIPE_FD;

if (fd > 2) {
  const parent = new Socket({ fd, readable: true, writable: false });
  parent.on('error', () => process.exit(1));
  parent.on('close', () => process.exit(1));
  parent.resume();
  parent.unref();
}
