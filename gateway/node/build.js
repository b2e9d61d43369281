// Bundles src/ into dist/: a file for each module that handlers may import, and chunks that several of them share.
// Run by `cargo xtask node` after `npm ci`. The same packages give the same bytes.

import { build } from 'esbuild';
import { readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const require = createRequire(import.meta.url);

/** Modules of our own, by what they are imported as. */
const OWN = {
  assert: 'assert', 'assert/strict': 'assert-strict', async_hooks: 'async_hooks', buffer: 'buffer', crypto: 'crypto',
  events: 'events', process: 'process', stream: 'stream', 'stream/promises': 'stream-promises', string_decoder: 'string_decoder', util: 'util',
};

/** Modules as unenv has them. Some are whole; some only say, when they are used, that they are not there. */
const UNENV = `child_process console constants diagnostics_channel dns dns/promises fs fs/promises http http2 https
  inspector module net os path path/posix path/win32 perf_hooks punycode querystring readline readline/promises stream/web
  sys timers timers/promises tls tty url util/types v8 vm worker_threads zlib`.split(/\s+/);

/** What is no module of Node.js's. */
const INTERNAL = ['host', 'cloudflare-workers', 'cloudflare-sockets', 'async-context', 'global-buffer', 'global-process', 'global-global'];

/** Packages under another name, for theirs is that of the module that is made of them. */
const PACKAGES = { 'assert-npm': 'assert/', 'events-npm': 'events/', 'util-npm': 'util/', 'string_decoder-npm': 'string_decoder/' };

const resolveAll = {
  name: 'tabmesh',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^entry:/ }, ({ path }) => {
      const name = path.slice('entry:'.length);
      const own = OWN[name] ?? (INTERNAL.includes(name) ? name : null);
      return own ? { path: join(here, 'src', `${own}.js`) } : { path: name, namespace: 'unenv' };
    });
    // A file of its own, never part of a chunk: the isolate looks for it by name. All that need it lie beside it.
    onResolve({ filter: /^\.\/host\.js$/ }, ({ path }) => ({ path, external: true }));
    onResolve({ filter: /.*/ }, ({ path, importer }) => {
      if (path in PACKAGES) return { path: require.resolve(PACKAGES[path]) };
      // With a slash at its end it means the package.
      if (path.endsWith('/') && Object.values(PACKAGES).includes(path)) return { path: require.resolve(path) };
      const name = path.replace(/^node:/, '').replace(/\/$/, '');
      // Without the ways of code that goes on later: those are for handlers that ask for them.
      if (name === 'async_hooks') return { path: join(here, 'src', 'async-resource.js') };
      if (name === 'abort-controller') return { path: join(here, 'src', 'abort-controller.js') };
      if (OWN[name]) return { path: join(here, 'src', `${OWN[name]}.js`) };
      if (UNENV.includes(name)) return { path: name, namespace: 'unenv' };
      if (path.startsWith('node:')) throw new Error(`${importer} needs ${path}`);
      return undefined;
    });
    onLoad({ filter: /.*/, namespace: 'unenv' }, ({ path }) => {
      const source = JSON.stringify(`unenv/node/${path}`);
      return { contents: `export * from ${source}; export { default } from ${source};`, resolveDir: here };
    });
  },
};

const names = [...Object.keys(OWN), ...UNENV, ...INTERNAL];
rmSync(join(here, 'dist'), { recursive: true, force: true });
const { metafile } = await build({
  entryPoints: names.map((name) => ({ in: `entry:${name}`, out: name })),
  outdir: join(here, 'dist'),
  absWorkingDir: here,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'neutral',
  mainFields: ['module', 'main'],
  conditions: ['browser', 'import', 'default'],
  target: 'es2022',
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: 'none',
  metafile: true,
  define: { global: 'globalThis', 'process.env.NODE_DEBUG': '""', 'process.env.NODE_ENV': '"production"' },
  plugins: [resolveAll],
});

// Our isolates load modules in an order, so there must be one.
const seen = new Map();
const visit = (file, path) => {
  if (seen.get(file) === 'done') return;
  if (path.includes(file)) throw new Error(`a circle: ${[...path, file].join(' -> ')}`);
  for (const { path: next, external } of metafile.outputs[file].imports) if (!external) visit(next, [...path, file]);
  seen.set(file, 'done');
};
Object.keys(metafile.outputs).forEach((file) => visit(file, []));

// Whose work this is.
const packages = new Set(Object.keys(metafile.inputs).flatMap((file) =>
  file.match(/^node_modules\/((?:@[^/]+\/)?[^/]+)/)?.[1] ?? []));
let notices = 'The files in this folder are made of these packages.\n';
for (const name of [...packages].sort()) {
  const folder = join(here, 'node_modules', name);
  const { version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const file = readdirSync(folder).find((file) => /^licen[cs]e/i.test(file));
  const text = file ? readFileSync(join(folder, file), 'utf8').trim() : '(the package has no file with its licence)';
  notices += `\n${'-'.repeat(80)}\n${name} ${version} (${license})\n\n${text}\n`;
}
writeFileSync(join(here, 'dist', 'NOTICES.txt'), notices);
const bytes = Object.values(metafile.outputs).reduce((sum, { bytes }) => sum + bytes, 0);
console.log(`${Object.keys(metafile.outputs).length} files, ${bytes} bytes, ${packages.size} packages`);
