process.stdout.write(`${process.argv[2] ?? ''} ${process.env.GREETING ?? ''}`);
