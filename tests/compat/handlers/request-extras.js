// What pages have on requests and servers do not.
import { probe } from './lib/probe.js';
const names = ['cache', 'credentials', 'destination', 'duplex', 'integrity', 'keepalive', 'mode', 'referrer', 'referrerPolicy',
  'isHistoryNavigation', 'isReloadNavigation', 'targetAddressSpace', 'priority', 'fetcher'];
export default {
  fetch: (request) => probe({
    has: () => names.map((name) => `${name} ${name in request}`),
    values: () => names.map((name) => request[name] ?? `${request[name]}`),
    cacheDefault: () => new Request('https://a.example', { cache: 'default' }).cache,
    cacheNoStore: () => new Request('https://a.example', { cache: 'no-store' }).cache,
    cacheReload: () => new Request('https://a.example', { cache: 'reload' }).cache,
    cacheNoCache: () => new Request('https://a.example', { cache: 'no-cache' }).cache,
    cacheForce: () => new Request('https://a.example', { cache: 'force-cache' }).cache,
    cacheWrong: () => new Request('https://a.example', { cache: 'wrong' }).cache,
    mode: () => new Request('https://a.example', { mode: 'cors' }).url,
    credentials: () => new Request('https://a.example', { credentials: 'include' }).url,
    keepalive: () => new Request('https://a.example', { keepalive: true }).keepalive,
    integrity: () => new Request('https://a.example', { integrity: 'sha256-x' }).integrity,
  }),
};
