// getSetCookie, getAll and how Set-Cookie iterates.
import { probe } from './lib/probe.js';
const cookies = () => { const h = new Headers(); h.append('set-cookie', 'a=1'); h.append('x', 'y'); h.append('Set-Cookie', 'b=2'); return h; };
export default {
  fetch: () => probe({
    get: () => cookies().get('set-cookie'),
    getSetCookie: () => cookies().getSetCookie(),
    getSetCookieNone: () => new Headers().getSetCookie(),
    getAll: () => cookies().getAll('Set-Cookie'),
    getAllNone: () => new Headers().getAll('set-cookie'),
    getAllOther: () => cookies().getAll('x'),
    iterate: () => [...cookies()],
    keys: () => [...cookies().keys()],
    copied: () => new Headers(cookies()).getSetCookie(),
    viaEntries: () => new Headers([...cookies()]).getSetCookie(),
    fromObject: () => new Headers(Object.fromEntries(cookies())).getSetCookie(),
    set: () => { const h = cookies(); h.set('set-cookie', 'c=3'); return h.getSetCookie(); },
    delete: () => { const h = cookies(); h.delete('set-cookie'); return h.getSetCookie(); },
    onResponse: () => new Response('', { headers: cookies() }).headers.getSetCookie(),
    onClone: () => new Response('', { headers: cookies() }).clone().headers.getSetCookie(),
  }),
};
