// HTMLRewriter: documents in other encodings than UTF-8.
import { probe } from './lib/probe.js';
import { said } from './lib/rewrite.js';
const run = (bytes, type) => said(async () => {
  const seen = [];
  const response = new HTMLRewriter()
    .on('p', { element(e) { seen.push(e.getAttribute('t')); e.setAttribute('n', '\u00fc').before('\u00e9\u4e2d'); }, text(t) { seen.push(t.text); } })
    .transform(new Response(new Uint8Array(bytes), type === undefined ? undefined : { headers: { 'content-type': type } }));
  return [seen, new Uint8Array(await response.arrayBuffer())];
});
const html = (...text) => [...'<p t='].map((c) => c.charCodeAt(0)).concat(text, 62, text, [...'</p>'].map((c) => c.charCodeAt(0)));
export default {
  fetch: () => probe({
    utf8: () => run(html(0xc3, 0xa9), 'text/html; charset=utf-8'),
    none: () => run(html(0xc3, 0xa9), 'text/html'),
    noType: () => run(html(0xc3, 0xa9)),
    latin1: () => run(html(0xe9), 'text/html; charset=iso-8859-1'),
    windows: () => run(html(0x80), 'text/html;charset=windows-1252'),
    quoted: () => run(html(0xe9), 'text/html; charset="windows-1252"'),
    upper: () => run(html(0xe9), 'text/html; CHARSET=Windows-1252'),
    second: () => run(html(0xe9), 'text/html; a=b; charset=windows-1252'),
    shiftJis: () => run(html(0x82, 0xa0), 'text/html; charset=shift_jis'),
    gbk: () => run(html(0xd6, 0xd0), 'text/html; charset=gbk'),
    koi: () => run(html(0xc1), 'text/html; charset=koi8-r'),
    utf16: () => run(html(65), 'text/html; charset=utf-16'),
    unknown: () => run(html(65), 'text/html; charset=klingon'),
    empty: () => run(html(65), 'text/html; charset='),
    meta: () => run([...'<meta charset=windows-1252>'].map((c) => c.charCodeAt(0)).concat(html(0xe9)), 'text/html'),
    plain: () => run(html(0xe9), 'text/plain; charset=windows-1252'),
  }),
};
