// Looks for caches beside those that its tenant has at the gateway: the browser's own, other tenants', a way to fetch.
import { probes } from './lib/attack.js';

export default probes(({ trap }) => ({
  keys: () => caches.keys(),
  match: () => caches.match(trap),
  add: async () => (await caches.open('evil')).add(trap),
  construct: () => new CacheStorage(),
  cache: () => new caches.default.constructor(Symbol('own'), () => {}, null),
  storage: () => CacheStorage.prototype.keys.call(caches),
  inherited: () => Reflect.get(WorkerGlobalScope.prototype, 'caches', globalThis).keys(),
}));
