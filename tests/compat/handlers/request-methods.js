// Names of methods: which are put in capitals, which are refused.
const names = ['copy', 'mkcol', 'move', 'proppatch', 'search', 'unlock', 'acl', 'report', 'mkactivity', 'checkout', 'merge', 'msearch',
  'm-search', 'notify', 'subscribe', 'unsubscribe', 'query', 'ban', 'link', 'bind', 'lock', 'get', 'Head', 'pOsT', 'put', 'delete', 'options', 'patch', 'PATCH', 'purge', 'CONNECT', 'TRACE', 'TRACK', 'connect',
  'trace', 'FOO', 'a b', '', 'É', 'propfind'];
const method = (name) => new Request('https://a.example', { method: name }).method;
import { outcome } from './lib/probe.js';
export default {
  async fetch() {
    const all = {};
    for (const name of names) all[name] = await outcome(() => method(name));
    all.undefined = await outcome(() => method(undefined));
    all.null = await outcome(() => method(null));
    return Response.json(all);
  },
};
