// Reads and sets cookies, and the storage of pages.
import { probes } from './lib/attack.js';

export default probes(() => ({
  document: () => { document.cookie = 'evil=1'; },
  store: () => cookieStore.set('evil', '1'),
  read: () => cookieStore.getAll(),
  local: () => localStorage.setItem('evil', '1'),
  session: () => sessionStorage.setItem('evil', '1'),
  shared: () => sharedStorage.set('evil', '1'),
  access: () => navigator.login.setStatus('logged-in'),
}));
