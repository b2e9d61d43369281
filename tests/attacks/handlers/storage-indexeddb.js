// Keeps data in IndexedDB, where the tenant's other isolates and its next life would find it.
import { probes } from './lib/attack.js';

export default probes(() => ({
  open: () => new Promise((done, failed) => {
    const request = indexedDB.open('evil');
    request.onsuccess = done;
    request.onerror = failed;
  }),
  list: () => indexedDB.databases(),
  factory: () => IDBFactory.prototype.open.call(self.indexedDB, 'evil'),
  inherited: () => Reflect.get(WorkerGlobalScope.prototype, 'indexedDB', globalThis).open('evil'),
  keyRange: () => IDBKeyRange.only(1),
}));
