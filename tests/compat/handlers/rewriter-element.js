// HTMLRewriter: everything that can be done with an element.
import { probe } from './lib/probe.js';
import { rewrite } from './lib/rewrite.js';
const one = (work, html = '<p id="a" CLASS=b>in</p>') => rewrite(html, (r) => r.on('p', { element: work }));
export default {
  fetch: () => probe({
    before: () => one((e) => { e.before('<b>1</b>').before('<b>2</b>', { html: true }); }),
    after: () => one((e) => { e.after('<b>1</b>').after('<b>2</b>', { html: true }); }),
    prepend: () => one((e) => { e.prepend('<b>1</b>').prepend('<b>2</b>', { html: true }); }),
    append: () => one((e) => { e.append('<b>1</b>').append('<b>2</b>', { html: true }); }),
    replace: () => one((e) => { e.replace('<b>1</b>'); }),
    replaceHtml: () => one((e) => { e.replace('<b>1</b>', { html: true }); }),
    replaceTwice: () => one((e) => { e.replace('1').replace('2').before('x').after('y'); }),
    inner: () => one((e) => { e.setInnerContent('<b>1</b>'); }),
    innerHtml: () => one((e) => { e.setInnerContent('<b>1</b>', { html: true }).append('z').prepend('a'); }),
    remove: () => one((e) => { e.remove(); }),
    removeAround: () => one((e) => { e.remove().before('x').after('y'); }),
    keep: () => one((e) => { e.removeAndKeepContent(); }),
    keepAround: () => one((e) => { e.removeAndKeepContent().prepend('x').append('y'); }),
    removed: async () => { const out = []; await one((e) => { out.push(e.removed); e.remove(); out.push(e.removed); }); return out; },
    truthyHtml: () => one((e) => { e.before('<i>', { html: 1 }).after('<i>', { html: 0 }).append('<i>', {}); }),
    numbers: () => one((e) => { e.before(1).after(null).append(undefined).prepend({}); }),
    emptyContent: () => one((e) => { e.setInnerContent(''); }),
    voids: () => rewrite('<br>x<img src=a>y', (r) => r.on('br', { element(e) { e.append('no').after('A'); } }).on('img', { element(e) { e.setInnerContent('no').before('B'); } })),
    entities: () => one((e) => { e.before('& < > " \''); }),
    unicode: () => one((e) => { e.before('\u00e9\u4e2d\ud83d\ude00'); }),
    loneSurrogate: () => one((e) => { e.before('\u00e9\ud83d'); }),
    nul: () => one((e) => { e.before('a\0b'); }),
    chain: async () => { let same; await one((e) => { same = e.before('') === e && e.setAttribute('a', 'b') === e && e.remove() === e; }); return same; },
  }),
};
