// Takes locks that other isolates, or the page, might wait for.
import { probes } from './lib/attack.js';

export default probes(() => ({
  request: () => navigator.locks.request('tabmesh', () => {}),
  steal: () => navigator.locks.request('tabmesh', { steal: true }, () => {}),
  query: () => navigator.locks.query(),
  manager: () => LockManager.prototype.query.call(navigator.locks),
  ofPrototype: () => Reflect.get(WorkerNavigator.prototype, 'locks', navigator).query(),
  wake: () => navigator.wakeLock.request(),
}));
