import js from '@eslint/js';
import { defineConfig, globalIgnores } from 'eslint/config';
import tseslint from 'typescript-eslint';

// A layer may use what stands left of it. Changing one layer then never breaks those below it.
const LAYERS = ['contract', 'redis', 'broker', 'waiters', 'features', 'api', 'adapters'];
const ORDER = ['lua', ...LAYERS, 'index'].join(' → ');

const upward = (forbidden, layer) => ({
  regex: `^(\\.{1,2}/)+(${forbidden.join('|')})(/|\\.js$)`,
  message: `${layer} must not import a layer to its right, or lower layers could no longer be understood and tested alone: ${ORDER}. Move the code, or pass it in.`,
});

const sideways = (regex) => ({
  regex,
  message:
    'One feature must not import another: each can be read, tested and removed alone. Share through a lower layer.',
});

// A framework is there where its adapter is used, and nowhere else.
const frameworkTypesOnly = {
  regex: '^(express|fastify|hono)(/|$)',
  allowTypeImports: true,
  message:
    'An adapter takes its framework from the caller: only types may be imported, or everybody had to install it.',
};

// ioredis is what the redis layer is for; the layers above speak of flows, and the contract does no I/O.
const ioredisOnly = {
  regex: '^ioredis$',
  allowTypeImports: true,
  message:
    'Only src/redis talks to ioredis: bytes in and out stay in one place, and both ioredis majors are handled there.',
};

const restrict = (files, patterns) => ({
  files,
  rules: { '@typescript-eslint/no-restricted-imports': ['error', { patterns }] },
});

const layerRules = LAYERS.map((layer, at) => {
  const patterns = [upward([...LAYERS.slice(at + 1), 'index'], `src/${layer}`)];
  if (layer !== 'redis') patterns.push(ioredisOnly);
  // The layer's own index.js is a file of its own folder, not the package's.
  if (layer === 'contract') patterns[0] = upward(LAYERS.slice(at + 1), 'src/contract');
  return restrict([`src/${layer}/**/*.ts`], patterns);
});

export default defineConfig(
  globalIgnores([
    'dist/',
    'coverage/',
    'bench/peers/built/',
    'lua/',
    'test/package/programs/',
    'src/contract/*.generated.ts',
  ]),
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/prefer-promise-reject-errors': ['error', { allowThrowingUnknown: true }],
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-unnecessary-condition': [
        'error',
        { allowConstantLoopConditions: 'only-allowed-literals' },
      ],
      // These three find more taste than faults.
      '@typescript-eslint/consistent-indexed-object-style': 'off',
      '@typescript-eslint/no-unnecessary-type-parameters': 'off',
      '@typescript-eslint/non-nullable-type-assertion-style': 'off',
      // Both spellings: a record's field names are data in some places.
      '@typescript-eslint/dot-notation': ['error', { allowIndexSignaturePropertyAccess: true }],
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', ignoreRestSiblings: true },
      ],
      eqeqeq: ['error', 'always', { null: 'ignore' }],
    },
  },
  { files: ['src/**/*.ts', 'scripts/**/*.ts'], rules: { 'max-lines': ['error', { max: 250 }] } },
  { files: ['src/**/*.ts'], rules: { 'no-console': 'error' } },
  ...layerRules,
  restrict(
    ['src/errors.ts', 'src/options.ts'],
    [
      {
        ...upward(['contract'], 'src/errors.ts and src/options.ts, which are for all layers,'),
        allowTypeImports: true,
      },
      upward([...LAYERS.slice(1), 'index'], 'src/errors.ts and src/options.ts, which are for all layers,'),
      ioredisOnly,
    ],
  ),
  restrict(
    ['src/features/*.ts'],
    [upward(['api', 'adapters', 'index'], 'src/features'), ioredisOnly, sideways('^\\./')],
  ),
  restrict(
    ['src/features/*/**/*.ts'],
    [upward(['api', 'adapters', 'index'], 'src/features'), ioredisOnly, sideways('^\\.\\./[^.]')],
  ),
  restrict(
    ['src/adapters/*/**/*.ts'],
    [
      ioredisOnly,
      frameworkTypesOnly,
      {
        regex: '^(\\.{1,2}/)+index\\.js$|^\\.\\./(?!\\.\\./)',
        message:
          'One adapter must not import another, nor the index: each can be read, tested and removed alone.',
      },
    ],
  ),
  restrict(
    ['examples/**/*.ts'],
    [
      {
        regex: '/(src|scripts)/',
        message: "Examples import from 'flowbroker', so that a reader can copy them as they are.",
      },
    ],
  ),
  {
    files: ['examples/nestjs/**/*.ts', 'test/processes/programs/nestjs-for-root.ts'],
    rules: {
      // A module of Nest is its decorator.
      '@typescript-eslint/no-extraneous-class': ['error', { allowWithDecorator: true }],
      // Nest declares its options as classes, and takes object literals for them.
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
    },
  },
  restrict(
    ['examples/demo/**/*.ts'],
    [
      {
        regex: '/src/(?!(contract/)?index\\.js$)',
        message: 'The demo uses the package entry (src/index.js) and nothing behind it.',
      },
    ],
  ),
  {
    files: ['test/**/*.ts', 'bench/**/*.ts'],
    rules: {
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/unbound-method': 'off',
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/no-empty-function': 'off',
    },
  },
  {
    // Their packages are installed by the first `npm run bench:peers`, so their types may be missing; `npm run types` in bench/peers checks them.
    files: ['bench/peers/contenders/**/*.ts', 'bench/peers/charts.ts', 'bench/peers/progress.ts'],
    extends: [tseslint.configs.disableTypeChecked],
  },
  {
    files: ['**/*.js'],
    languageOptions: {
      sourceType: 'commonjs',
      globals: { module: 'writable', require: 'readonly', __dirname: 'readonly' },
    },
  },
);
