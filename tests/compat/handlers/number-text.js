// Numbers, dates and text as strings.
import { probe } from './lib/probe.js';
export default {
  fetch: () => probe({
    numbers: () => [0.1 + 0.2, 1e21, 1e-7, -0, 2 ** 53, 123456789.123].map(String),
    fixed: () => [(1.005).toFixed(2), (1234.5678).toExponential(2), (255).toString(16), (0.000001234).toPrecision(2)],
    locale: () => [(1234567.891).toLocaleString(), (0.256).toLocaleString('en', { style: 'percent' })],
    parse: () => [parseInt('08'), parseFloat('1.5x'), Number('0x1f'), Number('')],
    unicode: () => ['ß'.toUpperCase(), 'İ'.toLowerCase().length, '👩‍👧'.length, [...'👩‍👧'].length],
    sort: () => ['b', 'a', 'C', 'ä'].sort(),
    compare: () => ['b', 'a', 'C', 'ä'].sort((a, b) => a.localeCompare(b)),
    split: () => 'a,b,,c'.split(','),
    regex: () => [...'a1b22'.matchAll(/\d+/g)].map((m) => [m[0], m.index]),
    named: () => 'x=1'.match(/(?<key>\w)=(?<value>\d)/).groups,
    unicodeSets: () => /^\p{Emoji}$/v.test('😀'),
  }),
};
