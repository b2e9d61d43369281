// Puts line breaks into header names, values and the status text, by every way headers are made.
import { probes } from './lib/attack.js';

const EVIL = 'a\r\nx-injected: 1';
const carries = (response) => {
  for (const [name, value] of response.headers) if (/[\r\n]/.test(name + value)) return response;
  if (/[\r\n]/.test(response.statusText)) return response;
  throw new Error('without the line break');
};

export default probes(() => ({
  init: () => carries(new Response('x', { headers: { 'x-evil': EVIL } })),
  pairs: () => carries(new Response('x', { headers: [['x-evil', EVIL]] })),
  name: () => carries(new Response('x', { headers: { [`x-evil: 1\r\nx-injected`]: '1' } })),
  append: () => carries((() => { const r = new Response('x'); r.headers.append('x-evil', EVIL); return r; })()),
  statusText: () => carries(new Response('x', { statusText: EVIL })),
  redirect: () => carries(Response.redirect('http://x/\r\nx-injected: 1')),
  nul: () => carries(new Response('x', { headers: { 'x-evil': '\0' } })),
  cookie: () => carries((() => { const r = new Response('x'); r.headers.append('set-cookie', EVIL); return r; })()),
}));
