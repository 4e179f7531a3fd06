import { join } from 'node:path';
import { findEngine } from '../redis/index';
import { LANGUAGES, prepare, PYTHON, ROOT, run, type Language } from './toolchains';
import { runVectors } from './vectors';

const CLIENT = join(ROOT, 'clients', 'python');

/** The Python client's own tests. They start servers to kill, so they need a binary. */
async function testPython(): Promise<void> {
  const engine = await findEngine();
  if (engine.kind !== 'binary')
    throw new Error('the Python tests need a redis-server on PATH, not in Docker');
  run([PYTHON, '-m', 'ruff', 'check'], {}, CLIENT);
  run([PYTHON, '-m', 'ruff', 'format', '--check'], {}, CLIENT);
  run([PYTHON, '-m', 'mypy'], {}, CLIENT);
  run([PYTHON, '-m', 'pytest', '-q'], { ...engine.env, REDIS_SERVER: engine.file }, CLIENT);
}

/** The Go example's own tests, which start servers to kill too. */
async function testGo(): Promise<void> {
  const engine = await findEngine();
  if (engine.kind !== 'binary')
    throw new Error('the tests of the Go example need a redis-server on PATH, not in Docker');
  run(['go', 'test', '-C', join(ROOT, 'examples', 'go-worker'), './...'], {
    ...engine.env,
    REDIS_SERVER: engine.file,
  });
}

/** What only several languages together show: flows that pass from one to the other, and the page for redis-cli. */
function testTogether(languages: readonly Language[]): void {
  const jest = join(ROOT, 'node_modules', 'jest', 'bin', 'jest.js');
  run([process.execPath, jest, '--selectProjects', 'languages', '-w', '1'], {
    LANGUAGES: languages.join(' '),
  });
}

async function main(): Promise<void> {
  const languages = prepare();
  const missing = LANGUAGES.filter((language) => !languages.includes(language));
  let held = await runVectors(languages);
  if (!process.argv.includes('--vectors')) {
    if (languages.includes('python')) await testPython();
    if (languages.includes('go')) await testGo();
    testTogether(languages);
  }
  if (missing.length > 0)
    console.error(`\n*** SKIPPED, their toolchains are missing or too old: ${missing.join(', ')} ***`);
  // Whoever has only Node must not be stopped by that; who must notice when one goes missing says so.
  if (missing.length > 0 && process.env['LANGUAGES_REQUIRED'] === 'all') held = false;
  if (!held) process.exitCode = 1;
}

void main().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
