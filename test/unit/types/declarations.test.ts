import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ts from 'typescript';

const root = join(__dirname, '../../..');
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'flowbroker-types-'));
  const tsc = join(require.resolve('typescript/package.json'), '../bin/tsc');
  const only = ['--emitDeclarationOnly', '--declaration', '--outDir', folder];
  execFileSync(process.execPath, [tsc, '-p', join(root, 'tsconfig.esm.json'), ...only], { cwd: root });
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** Every `any` that is written in a declaration, with the line it stands in. */
function anysIn(file: string): string[] {
  const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true);
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (node.kind === ts.SyntaxKind.AnyKeyword) found.push(`${file}: ${node.parent.getText().slice(0, 120)}`);
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

it('publishes declarations in which nothing is any', () => {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.d.ts'),
  );
  expect(files).toContain('index.d.ts');
  expect(files.flatMap((name) => anysIn(join(folder, name)))).toEqual([]);
});

it('publishes no inferred any either: every export of the index has a type of its own', () => {
  const index = join(folder, 'index.d.ts');
  const program = ts.createProgram([index], {
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    target: ts.ScriptTarget.ES2022,
    lib: ['lib.es2023.d.ts'],
    types: ['node'],
    typeRoots: [join(root, 'node_modules/@types')],
    strict: true,
    noEmit: true,
    skipLibCheck: false,
    paths: { ioredis: [join(root, 'node_modules/ioredis/built/index.d.ts')] },
  });
  const checker = program.getTypeChecker();
  const exported = checker.getExportsOfModule(checker.getSymbolAtLocation(program.getSourceFile(index)!)!);
  expect(exported.map((symbol) => symbol.name)).toEqual(
    expect.arrayContaining(['createBroker', 'Flows', 'FlowError']),
  );
  for (const symbol of exported) {
    const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
    const type =
      target.flags & ts.SymbolFlags.Value
        ? checker.getTypeOfSymbol(target)
        : checker.getDeclaredTypeOfSymbol(target);
    expect({ name: symbol.name, any: (type.flags & ts.TypeFlags.Any) !== 0 }).toEqual({
      name: symbol.name,
      any: false,
    });
  }
});

it('shows no internals: constructors and options of the inside stay inside', () => {
  const broker = readFileSync(join(folder, 'api/broker.d.ts'), 'utf8');
  const flows = readFileSync(join(folder, 'api/flows.d.ts'), 'utf8');
  for (const text of [broker, flows]) expect(text).not.toMatch(/constructor\(/);
});
