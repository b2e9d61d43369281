// A page out of a template, with escaping.
//> GET /?name=%3Cb%3E
const escape = (text) => text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
const html = (parts, ...values) => parts.reduce((all, part, i) => all + escape(String(values[i - 1])) + part);
export default {
  fetch(request) {
    const name = new URL(request.url).searchParams.get('name') ?? 'you';
    return new Response(html`<!doctype html><p>Hello ${name}</p>`, { headers: { 'content-type': 'text/html; charset=utf-8' } });
  },
};
