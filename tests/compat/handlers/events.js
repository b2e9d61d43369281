// Event, CustomEvent and EventTarget.
import { probe } from './lib/probe.js';
export default {
  fetch: () => probe({
    dispatch: () => { const t = new EventTarget(); const out = []; t.addEventListener('a', (e) => out.push(e.type, e.target === t)); return [t.dispatchEvent(new Event('a')), out]; },
    once: () => { const t = new EventTarget(); let n = 0; t.addEventListener('a', () => n++, { once: true }); t.dispatchEvent(new Event('a')); t.dispatchEvent(new Event('a')); return n; },
    remove: () => { const t = new EventTarget(); let n = 0; const f = () => n++; t.addEventListener('a', f); t.removeEventListener('a', f); t.dispatchEvent(new Event('a')); return n; },
    twice: () => { const t = new EventTarget(); let n = 0; const f = () => n++; t.addEventListener('a', f); t.addEventListener('a', f); t.dispatchEvent(new Event('a')); return n; },
    object: () => { const t = new EventTarget(); let n = 0; t.addEventListener('a', { handleEvent() { n++; } }); t.dispatchEvent(new Event('a')); return n; },
    signal: () => { const t = new EventTarget(); const c = new AbortController(); let n = 0; t.addEventListener('a', () => n++, { signal: c.signal }); c.abort(); t.dispatchEvent(new Event('a')); return n; },
    prevent: () => { const t = new EventTarget(); t.addEventListener('a', (e) => e.preventDefault()); const e = new Event('a', { cancelable: true }); return [t.dispatchEvent(e), e.defaultPrevented]; },
    notCancelable: () => { const t = new EventTarget(); t.addEventListener('a', (e) => e.preventDefault()); return t.dispatchEvent(new Event('a')); },
    stop: () => { const t = new EventTarget(); let n = 0; t.addEventListener('a', (e) => { n++; e.stopImmediatePropagation(); }); t.addEventListener('a', () => n++); t.dispatchEvent(new Event('a')); return n; },
    custom: () => { const e = new CustomEvent('a', { detail: { x: 1 } }); return [e.detail, e.type, e instanceof Event]; },
    props: () => { const e = new Event('a', { bubbles: true }); return [e.bubbles, e.cancelable, e.composed, e.eventPhase, e.isTrusted, e.target, typeof e.timeStamp]; },
    subclass: () => { class T extends EventTarget {} const t = new T(); let n = 0; t.addEventListener('a', () => n++); t.dispatchEvent(new Event('a')); return n; },
    noType: () => new Event(),
    notEvent: () => new EventTarget().dispatchEvent({}),
    again: () => { const t = new EventTarget(); const e = new Event('a'); t.dispatchEvent(e); return t.dispatchEvent(e); },
    message: () => { const e = new MessageEvent('message', { data: 5 }); return [e.data, e.type]; },
    close: () => { const e = new CloseEvent('close', { code: 1000, reason: 'r', wasClean: true }); return [e.code, e.reason, e.wasClean]; },
    errorEvent: () => { const e = new ErrorEvent('error', { message: 'm' }); return [e.message, e.type]; },
    globalTarget: () => [typeof addEventListener, typeof dispatchEvent, globalThis instanceof EventTarget],
  }),
};
