// Does nothing until it is told to end, or until its parent dies.
process.on('message', () => process.exit(0));
process.send?.({ pid: process.pid });
