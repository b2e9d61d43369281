// Writes files: the origin-private file system, the old FileSystem API, storage buckets.
import { probes } from './lib/attack.js';

export default probes(() => ({
  directory: () => navigator.storage.getDirectory(),
  estimate: () => navigator.storage.estimate(),
  persist: () => navigator.storage.persist(),
  manager: () => StorageManager.prototype.getDirectory.call(navigator.storage),
  handle: () => new FileSystemFileHandle(),
  old: () => webkitRequestFileSystemSync(0, 1024),
  buckets: () => navigator.storageBuckets.open('evil'),
  navigatorOfPrototype: () => Reflect.get(WorkerNavigator.prototype, 'storage', navigator).getDirectory(),
}));
