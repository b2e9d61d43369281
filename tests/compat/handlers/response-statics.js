// Response.json, Response.redirect and Response.error.
import { probe } from './lib/probe.js';
const all = async (r) => [r.status, r.statusText, r.type, r.headers, r.body === null ? null : await r.text()];
export default {
  fetch: () => probe({
    json: () => all(Response.json({ a: 1 })),
    jsonNull: () => all(Response.json(null)),
    jsonUndefined: () => all(Response.json(undefined)),
    jsonFunction: () => all(Response.json(() => 1)),
    jsonCircular: () => { const a = {}; a.a = a; return all(Response.json(a)); },
    jsonBigInt: () => all(Response.json(1n)),
    jsonInit: () => all(Response.json([1], { status: 201, headers: { 'content-type': 'application/x', b: '1' } })),
    json204: () => all(Response.json({}, { status: 204 })),
    redirect: () => all(Response.redirect('https://a.example/x y')),
    redirect301: () => all(Response.redirect('https://a.example', 301)),
    redirect303: () => all(Response.redirect('https://a.example', 303)),
    redirect307: () => all(Response.redirect('https://a.example', 307)),
    redirect308: () => all(Response.redirect('https://a.example', 308)),
    redirect200: () => all(Response.redirect('https://a.example', 200)),
    redirect304: () => all(Response.redirect('https://a.example', 304)),
    redirectRelative: () => all(Response.redirect('/x')),
    redirectUrl: () => all(Response.redirect(new URL('https://a.example/?q#h'))),
    redirectMutable: () => { const r = Response.redirect('https://a.example'); r.headers.set('a', 'b'); return all(r); },
    error: () => all(Response.error()),
    jsonMutable: () => { const r = Response.json(1); r.headers.set('a', 'b'); return all(r); },
  }),
};
