// HTMLRewriter: comments.
import { probe } from './lib/probe.js';
import { rewrite, said } from './lib/rewrite.js';
const one = async (work, html = '<p>a<!-- note -->b</p><!--out-->') => {
  const seen = [];
  const text = await said(() => rewrite(html, (r) => r.on('p', { comments: (c) => work(c, seen) })));
  return [seen, text];
};
export default {
  fetch: () => probe({
    text: () => one((c, seen) => { seen.push(c.text, c.removed); }),
    set: () => one((c, seen) => { c.text = 'other'; seen.push(c.text); }),
    setBad: () => one((c) => { c.text = 'a --> b'; }),
    setBang: () => one((c) => { c.text = 'a --!> b'; }),
    setNumber: () => one((c) => { c.text = 5; }),
    around: () => one((c) => { c.before('<1>').after('<b>', { html: true }); }),
    replace: () => one((c) => { c.replace('<i>', { html: true }); }),
    remove: () => one((c, seen) => { c.remove(); seen.push(c.removed); }),
    odd: () => one((c, seen) => { seen.push(c.text); }, '<p><!-->x<!--->y<!----->z<?php a ?><!doctype no></ bogus><![CDATA[x]]></p>'),
    inDocument: async () => { const seen = []; await rewrite('<!--1--><p><!--2--></p>', (r) => r.onDocument({ comments(c) { seen.push(c.text); } })); return seen; },
    inScript: () => one((c, seen) => { seen.push(c.text); }, '<p><script><!-- x --></script></p>'),
    unclosed: () => one((c, seen) => { seen.push(c.text); }, '<p><!-- x'),
  }),
};
