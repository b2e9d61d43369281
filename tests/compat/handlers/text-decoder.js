// TextDecoder: encodings, options, streaming.
import { probe } from './lib/probe.js';
const bytes = (...list) => new Uint8Array(list);
export default {
  fetch: () => probe({
    utf8: () => new TextDecoder().decode(bytes(0x61, 0xc3, 0xa9)),
    nothing: () => new TextDecoder().decode(),
    invalid: () => new TextDecoder().decode(bytes(0x61, 0xff)),
    fatal: () => new TextDecoder('utf-8', { fatal: true }).decode(bytes(0x61, 0xff)),
    bom: () => new TextDecoder().decode(bytes(0xef, 0xbb, 0xbf, 0x61)),
    keepBom: () => new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes(0xef, 0xbb, 0xbf, 0x61)).length,
    stream: () => { const d = new TextDecoder(); return [d.decode(bytes(0xc3), { stream: true }), d.decode(bytes(0xa9), { stream: true }), d.decode()]; },
    streamEnd: () => { const d = new TextDecoder(); d.decode(bytes(0xc3), { stream: true }); return d.decode(); },
    props: () => { const d = new TextDecoder('UTF8', { fatal: true }); return [d.encoding, d.fatal, d.ignoreBOM]; },
    latin1: () => [new TextDecoder('latin1').encoding, new TextDecoder('latin1').decode(bytes(0xe9, 0x80))],
    utf16: () => new TextDecoder('utf-16le').decode(bytes(0x61, 0, 0x3d, 0xd8, 0, 0xde)),
    utf16be: () => new TextDecoder('utf-16be').decode(bytes(0, 0x61)),
    sjis: () => new TextDecoder('shift_jis').decode(bytes(0x83, 0x65)),
    gbk: () => new TextDecoder('gbk').decode(bytes(0xc4, 0xe3)),
    big5: () => new TextDecoder('big5').decode(bytes(0xa7, 0x41)),
    eucKr: () => new TextDecoder('euc-kr').decode(bytes(0xb0, 0xa1)),
    koi8: () => new TextDecoder('koi8-r').decode(bytes(0xc1)),
    unknown: () => new TextDecoder('nonsense'),
    buffer: () => new TextDecoder().decode(bytes(0x61).buffer),
    view: () => new TextDecoder().decode(new DataView(bytes(0x61, 0x62).buffer, 1)),
    wrong: () => new TextDecoder().decode('x'),
  }),
};
