// HTMLRewriter: pieces of text.
import { probe } from './lib/probe.js';
import { pieces, rewrite } from './lib/rewrite.js';
const one = async (work, html = '<p>one<b>two</b>three</p>', selector = 'p') => {
  const seen = [];
  const text = await rewrite(html, (r) => r.on(selector, { text: (t) => work(t, seen) }));
  return [seen, text];
};
export default {
  fetch: () => probe({
    pieces: () => one((t, seen) => { seen.push([t.text, t.lastInTextNode, t.removed]); }),
    inner: () => one((t, seen) => { seen.push(t.text); }, undefined, 'b'),
    empty: () => one((t, seen) => { seen.push(t.text); }, '<p></p>'),
    replace: () => one((t) => { if (t.text) t.replace(t.text.toUpperCase()); }),
    replaceHtml: () => one((t) => { if (t.lastInTextNode) t.replace('<i>', { html: true }); }),
    around: () => one((t) => { if (t.text === 'two') t.before('<1>').after('<2>'); }),
    remove: () => one((t, seen) => { t.remove(); seen.push(t.removed); }),
    chain: () => one((t, seen) => { seen.push(t.before('') === t, t.after('') === t, t.replace('') === t, t.remove() === t); }, '<p>x</p>'),
    entities: () => one((t, seen) => { seen.push(t.text); }, '<p>a &amp; b &eacute;</p>'),
    script: () => one((t, seen) => { seen.push(t.text); }, '<script>if (a < b) "</p>"</script>', 'script'),
    title: () => one((t, seen) => { seen.push(t.text); }, '<title>a <b> c</title>', 'title'),
    split: async () => {
      let all = '';
      let last = 0;
      const out = await rewrite(pieces('<p>h', 'el', 'lo \u00c3'.slice(0, 3), new Uint8Array([0xc3]), new Uint8Array([0xa9]), '</p>'), (r) => r.on('p', { text(t) { all += t.text; if (t.lastInTextNode) last++; } }));
      return [all, last, out];
    },
    bom: () => one((t, seen) => { seen.push(t.text); }, '\ufeff<p>\ufeffx</p>', '*'),
    invalid: async () => [...await new HTMLRewriter().on('p', { text(t) { if (!t.lastInTextNode) t.after(`[${t.text}]`); } }).transform(new Response(new Uint8Array([60, 112, 62, 0xff, 97, 60, 47, 112, 62]))).bytes()],
    readOnly: () => one((t) => { t.text = 'x'; }),
    tag: () => one((t, seen) => { seen.push(String(t), t.constructor.name); }, '<p>x'),
  }),
};
