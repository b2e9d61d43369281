// Fetches a script over HTTP with import(), told what to fetch in every kind of specifier.
import { probes } from './lib/attack.js';

const fromBlob = (source) => import(URL.createObjectURL(new Blob([source], { type: 'text/javascript' })));

export default probes(({ trap, trapPort }) => ({
  http: () => import(trap),
  query: () => import(`${trap}?secret=1`),
  schemeless: () => import(`//127.0.0.1:${trapPort}/`),
  json: () => import(trap, { with: { type: 'json' } }),
  css: () => import(trap, { with: { type: 'css' } }),
  text: () => import(trap, { with: { type: 'text' } }),
  data: () => import(`data:text/javascript,import ${JSON.stringify(trap)}`),
  blobStatic: () => fromBlob(`import ${JSON.stringify(trap)};`),
  blobReexport: () => fromBlob(`export * from ${JSON.stringify(trap)};`),
  blobDynamic: () => fromBlob(`await import(${JSON.stringify(trap)});`),
  sourceMap: () => fromBlob(`//# sourceMappingURL=${trap}\nthrow new Error('ran, and fetched no map');`),
}));
