// Preloaded into every replica, whose stdin is a pipe to the program that started it: it ends when that ends, however that happens.
process.stdin.on('close', () => process.exit(1)).resume();
process.stdin.unref(); // and else by itself
