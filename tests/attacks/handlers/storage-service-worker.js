// Stays behind: a service worker, push, background sync, periodic sync.
import { probes } from './lib/attack.js';

export default probes(({ isolateScript }) => ({
  register: () => navigator.serviceWorker.register(isolateScript),
  container: () => ServiceWorkerContainer.prototype.register.call(navigator.serviceWorker, isolateScript),
  ready: () => navigator.serviceWorker.getRegistrations(),
  push: () => PushManager.prototype.subscribe.call({}),
  sync: () => new SyncManager(),
  background: () => new BackgroundFetchManager(),
  clients: () => clients.matchAll(),
  registration: () => registration.showNotification('evil'),
}));
