// HTMLRewriter: attributes of elements.
import { probe } from './lib/probe.js';
import { rewrite, said } from './lib/rewrite.js';
const one = async (work, html = '<a HREF="/x?a=1&amp;b" Title=\'é "q"\' data-x checked>in</a>') => {
  let seen;
  const text = await rewrite(html, (r) => r.on('a', { async element(e) { seen = await said(() => work(e)); } }));
  return [seen, text];
};
export default {
  fetch: () => probe({
    get: () => one((e) => ['href', 'HREF', 'title', 'checked', 'data-x', 'missing'].map((name) => e.getAttribute(name))),
    has: () => one((e) => ['href', 'HREF', 'checked', 'missing'].map((name) => e.hasAttribute(name))),
    set: () => one((e) => { e.setAttribute('href', '/"quoted"').setAttribute('NEW', 'é').setAttribute('empty', ''); }),
    setSame: () => one((e) => { e.setAttribute('HREF', '1').setAttribute('href', '2'); return [...e.attributes]; }),
    setOther: () => one((e) => { e.setAttribute('n', 1).setAttribute('u', undefined).setAttribute('o', {}); }),
    remove: () => one((e) => { e.removeAttribute('href').removeAttribute('TITLE').removeAttribute('missing'); }),
    all: () => one((e) => [...e.attributes]),
    destructured: () => one((e) => { const out = {}; for (const [name, value] of e.attributes) out[name] = value; return out; }),
    iterator: () => one((e) => { const i = e.attributes; return [i.next(), i[Symbol.iterator]() === i, typeof i.map]; }, '<a b=c>'),
    ended: () => one((e) => { const i = e.attributes; i.next(); const last = i.next(); return [last.done, 'value' in last, last.value === undefined, i.next().done]; }, '<a b=c>'),
    none: () => one((e) => [...e.attributes], '<a>'),
    twice: () => one((e) => [[...e.attributes], e.getAttribute('b')], '<a b=1 B=2>'),
    badName: () => one((e) => { e.setAttribute('a b', 'x'); }),
    emptyName: () => one((e) => { e.setAttribute('', 'x'); }),
    slashName: () => one((e) => { e.setAttribute('a/b', 'x'); }),
    emptyGet: () => one((e) => [e.getAttribute(''), e.hasAttribute('')]),
    tag: () => one((e) => [e.tagName, e.namespaceURI], '<A>x</A>'),
    rename: () => one((e) => { e.tagName = 'section'; return e.tagName; }),
    renameBad: () => one((e) => { e.tagName = '1a'; }),
    renameEmpty: () => one((e) => { e.tagName = ''; }),
    renameSpace: () => one((e) => { e.tagName = 'a b'; }),
    renameUpper: () => one((e) => { e.tagName = 'DIV'; return e.tagName; }),
  }),
};
