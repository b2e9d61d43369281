// Keeps data in the Cache API.
import { probes } from './lib/attack.js';

export default probes(({ trap }) => ({
  open: () => caches.open('evil'),
  keys: () => caches.keys(),
  add: async () => (await caches.open('evil')).add(trap),
  put: async () => (await caches.open('evil')).put('/x', new Response('x')),
  storage: () => CacheStorage.prototype.keys.call(caches),
  inherited: () => Reflect.get(WorkerGlobalScope.prototype, 'caches', globalThis).keys(),
}));
