/** Groups run one at a time (see scripts/test.ts): servers and child processes need the cores for themselves. */
const base = {
  rootDir: __dirname,
  testEnvironment: 'node',
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { parser: { syntax: 'typescript' }, target: 'es2022' }, sourceMaps: 'inline' },
    ],
  },
  modulePathIgnorePatterns: ['<rootDir>/dist/', '<rootDir>/test/package/programs/'],
};

// The sources name their imports as ESM wants them: './x.js' for x.ts.
const extensions = { '^(\\.{1,2}/.*)\\.js$': '$1' };

function project(displayName, folders, moduleNameMapper = {}, files = '*') {
  return {
    ...base,
    displayName,
    testMatch: folders.map((folder) => `<rootDir>/test/${folder}/**/${files}.test.ts`),
    moduleNameMapper: { ...extensions, ...moduleNameMapper },
  };
}

/** @type {import('jest').Config} */
module.exports = {
  testTimeout: 30_000,
  projects: [
    project('unit', ['unit']),
    project('contract', ['contract']),
    project('integration', ['integration']),
    project('integration-ioredis5', ['integration'], { '^ioredis$': 'ioredis5' }),
    project('processes', ['processes']),
    project('topologies', ['topologies']),
    // Without RESP3 a Cluster is heard in another way; the rest is as in the integration tests.
    project('topologies-ioredis5', ['topologies'], { '^ioredis$': 'ioredis5' }, 'cluster*'),
    project('chaos', ['chaos']),
    project('package', ['package']),
    project('languages', ['languages']),
  ],
};
