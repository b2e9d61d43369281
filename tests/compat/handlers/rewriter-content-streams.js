// HTMLRewriter: streams and responses as content.
import { probe } from './lib/probe.js';
import { pieces, rewrite, said } from './lib/rewrite.js';
const one = (work, html = '<p>in</p>') => said(() => rewrite(html, (r) => r.on('p', { element: work })));
export default {
  fetch: () => probe({
    replace: () => one((e) => { e.replace(pieces('<b>', 'x', '</b>'), { html: true }); }),
    escaped: () => one((e) => { e.replace(pieces('<b>', '&')); }),
    response: () => one((e) => { e.setInnerContent(new Response('<b>r</b>'), { html: true }); }),
    responseStream: () => one((e) => { e.append(new Response(pieces('1', '2'))); }),
    around: () => one((e) => { e.before(pieces('b')).after(pieces('a')).prepend(pieces('p')).append(pieces('q')); }),
    mixed: () => one((e) => { e.before('1').before(pieces('2')).before('3'); }),
    text: () => said(() => rewrite('<p>in</p>', (r) => r.on('p', { text(t) { if (t.text) t.replace(pieces('T')); } }))),
    comment: () => said(() => rewrite('<p><!--c--></p>', (r) => r.on('p', { comments(c) { c.before(pieces('C')); } }))),
    endTag: () => one((e) => { e.onEndTag((t) => { t.before(pieces('E')); }); }),
    nullBody: () => one((e) => { e.replace(new Response(null)); }),
    split: () => one((e) => { e.append(pieces(new Uint8Array([0xc3]), new Uint8Array([0xa9]))); }),
    slow: () => one((e) => { e.append(new ReadableStream({ async pull(c) { await scheduler.wait(2); c.enqueue(new TextEncoder().encode('slow')); c.close(); } })); }),
    two: () => one((e) => { e.append(pieces(e.getAttribute('n'))); }, '<p n=1></p><p n=2></p>'),
    failing: () => one((e) => { e.append(new ReadableStream({ pull(c) { c.error(new RangeError('content')); } })); }),
    big: async () => (await one((e) => { e.append(pieces('x'.repeat(200000), 'y'.repeat(200000))); })).length,
    strings: () => one((e) => { e.append(ReadableStream.from(['a', 'b'])); }),
    badBytes: () => one((e) => { e.append(new Response(new Uint8Array([255]))); }),
    locked: () => one((e) => { const stream = pieces('x'); stream.getReader(); e.append(stream); }),
    lockedLater: async () => { let locked; await one((e) => { const stream = pieces('x'); e.append(stream); locked = stream.locked; }); return locked; },
    notRead: async () => one((e) => { e.append(pieces('gone')).remove(); }),
  }),
};
