// HTMLRewriter: which selectors there are, and what they match.
import { probe } from './lib/probe.js';
import { rewrite, said } from './lib/rewrite.js';
const HTML = '<div id=top class="a b"><p class=a lang=en-US>1</p><p data-x="Foo bar">2</p><ul><li>3<li class="b">4</ul><span><p>5</p></span></div>';
const match = (selector) => said(async () => {
  const seen = [];
  await rewrite(HTML, (r) => r.on(selector, { element(e) { seen.push(e.tagName + (e.getAttribute('class') ?? '')); } }));
  return seen.join(' ');
});
const SELECTORS = [
  '*', 'p', 'P', '.a', '#top', '.a.b', 'div p', 'div > p', 'p, li', '[class]', '[data-x]', '[data-x="Foo bar"]', '[data-x="foo bar" i]',
  '[data-x~=bar]', '[lang|=en]', '[data-x^=Fo]', '[data-x$=ar]', '[data-x*="o b"]', 'p:not(.a)', 'li:nth-child(2)', 'p:first-child',
  'p:nth-of-type(2)', 'p:first-of-type', 'p:last-child', 'p:hover', 'p + p', 'p ~ ul', 'p::before', '', ' ', '>', 'p >', '[', '[a=', 'p:not()',
  'p:not(:not(p))', ':is(p)', ':where(p)', ':has(p)', 'svg|a', '.1a', '#', 'a b c d e', 'p:nth-child(2n+1)', 'p:nth-child(x)', '\u00e9', 'p\\:x', ':root', 'p:empty',
];
export default {
  fetch: () => probe({
    ...Object.fromEntries(SELECTORS.map((selector) => [selector, () => match(selector)])),
    number: () => match(5),
    missing: () => match(undefined),
  }),
};
