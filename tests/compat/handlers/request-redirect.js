// Request.redirect has the modes that a server can use.
import { probe } from './lib/probe.js';
const mode = (redirect) => new Request('https://a.example', { redirect }).redirect;
export default {
  fetch: (request) => probe({
    follow: () => mode('follow'),
    manual: () => mode('manual'),
    error: () => mode('error'),
    wrong: () => mode('wrong'),
    undefined: () => mode(undefined),
    incoming: () => request.redirect,
    copied: () => new Request(request).redirect,
    changed: () => new Request(request, { redirect: 'follow' }).redirect,
  }),
};
