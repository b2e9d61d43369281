// Header names that a page may not set, on requests and responses made by a handler.
import { probe } from './lib/probe.js';
const names = ['Cookie', 'Host', 'Origin', 'Referer', 'Accept-Encoding', 'Content-Length', 'Connection', 'Date', 'DNT',
  'Expect', 'Keep-Alive', 'TE', 'Trailer', 'Transfer-Encoding', 'Upgrade', 'Via', 'Sec-Fetch-Mode', 'Proxy-Authorization',
  'Access-Control-Request-Method', 'Set-Cookie', 'User-Agent'];
export default {
  fetch: () => probe(Object.fromEntries(names.map((name) => [name, () => [
    new Request('https://a.example', { headers: { [name]: 'v' } }).headers.get(name),
    new Response('', { headers: { [name]: 'v' } }).headers.get(name),
    new Headers([[name, 'v']]).get(name),
  ]]))),
};
