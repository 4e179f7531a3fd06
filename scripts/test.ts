import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

interface Step {
  readonly title: string;
  readonly script: string;
  readonly jest?: boolean;
}

const STEPS: readonly Step[] = [
  { title: 'Lint and format', script: 'lint' },
  { title: 'Types', script: 'types' },
  { title: 'Generated contract matches lua/', script: 'contract:check' },
  { title: 'Model of the wait protocol', script: 'model:check' },
  { title: 'Build', script: 'build' },
  { title: 'Published package', script: 'package:check' },
  { title: 'Tests: unit', script: 'test:unit', jest: true },
  { title: 'Tests: contract, raw scripts', script: 'test:contract', jest: true },
  { title: 'Tests: integration, ioredis 6 and 5', script: 'test:integration', jest: true },
  { title: 'Tests: several processes', script: 'test:processes', jest: true },
  { title: 'Tests: Cluster, Sentinel, failovers', script: 'test:topologies', jest: true },
  { title: 'Tests: chaos, with a checker', script: 'test:chaos', jest: true },
  { title: 'Tests: the package, installed', script: 'test:package', jest: true },
  { title: 'Demo, checking its own claims', script: 'demo' },
];

const root = join(__dirname, '..');
const reports = mkdtempSync(join(tmpdir(), 'flowbroker-test-'));
const total = { passed: 0, failed: 0 };

function count(report: string): void {
  try {
    const { numPassedTests, numFailedTests, numRuntimeErrorTestSuites } = JSON.parse(
      readFileSync(report, 'utf8'),
    ) as Record<string, number>;
    total.passed += numPassedTests ?? 0;
    total.failed += (numFailedTests ?? 0) + (numRuntimeErrorTestSuites ?? 0);
  } catch {
    // jest died before it wrote a report: its exit code tells.
  }
}

function run(step: Step): boolean {
  console.log(`\n=== ${step.title} (npm run ${step.script}) ===\n`);
  const report = join(reports, `${step.script.replace(':', '-')}.json`);
  const extra = step.jest ? ['--', '--json', `--outputFile=${report}`] : [];
  const failedBefore = total.failed;
  const { status } = spawnSync('npm', ['run', '-s', step.script, ...extra], { cwd: root, stdio: 'inherit' });
  if (step.jest) count(report);
  // A step that is no jest run counts as a test only when it fails, so that the last line never says "0 failed" wrongly.
  if (status !== 0 && total.failed === failedBefore) total.failed += 1;
  return status === 0;
}

const failed = STEPS.find((step) => !run(step));
rmSync(reports, { recursive: true, force: true });
console.log(failed ? `\nStopped at: ${failed.title} (npm run ${failed.script})` : '\nEverything holds.');
console.log(`${String(total.passed)} passed, ${String(total.failed)} failed`);
process.exit(failed ? 1 : 0);
