// Header names and values that are not allowed.
import { probe } from './lib/probe.js';
const name = (value) => new Headers([[value, 'x']]).get(value);
const value = (text) => new Headers([['a', text]]).get('a');
export default {
  fetch: () => probe({
    nameSpace: () => name('a b'),
    nameEmpty: () => name(''),
    nameColon: () => name('a:b'),
    nameUnicode: () => name('é'),
    nameTab: () => name('a\t'),
    nameBracket: () => name('a[b]'),
    nameToken: () => name("!#$%&'*+-.^_`|~09az"),
    valueNewline: () => value('a\nb'),
    valueReturn: () => value('a\rb'),
    valueNul: () => value('a\0b'),
    valueTrim: () => value(' \t a b \t\r\n'),
    valueEmpty: () => value(''),
    valueLatin1: () => value('\u00e9\u00ff'),
    valueUnicode: () => value('\u0101'),
    valueEmoji: () => value('😀'),
    valueControl: () => value('a\u0001b'),
    valueDelete: () => value('a\u007fb'),
    hasInvalid: () => new Headers().has('a b'),
    getInvalid: () => new Headers().get('a b'),
    deleteInvalid: () => new Headers().delete('a b'),
  }),
};
