// URLPattern.
import { probe } from './lib/probe.js';
export default {
  fetch: () => probe({
    test: () => new URLPattern({ pathname: '/a/:id' }).test('https://x.example/a/1'),
    exec: () => new URLPattern({ pathname: '/a/:id' }).exec({ pathname: '/a/12' }).pathname.groups,
    miss: () => new URLPattern({ pathname: '/a/:id' }).exec('https://x.example/b'),
    wildcard: () => new URLPattern({ pathname: '/a/*' }).exec('https://x.example/a/b/c').pathname.groups,
    optional: () => new URLPattern({ pathname: '/a{/:b}?' }).test('https://x.example/a'),
    regexp: () => new URLPattern({ pathname: '/:id(\\d+)' }).test('https://x.example/x1'),
    string: () => new URLPattern('https://x.example/:a').pathname,
    base: () => new URLPattern('/a', 'https://x.example').hostname,
    noBase: () => new URLPattern('/a'),
    props: () => { const u = new URLPattern({ hostname: '*.x.example' }); return [u.protocol, u.hostname, u.port, u.pathname, u.search, u.hash]; },
    ignoreCase: () => new URLPattern({ pathname: '/A' }, { ignoreCase: true }).test('https://x.example/a'),
    hasRegExp: () => new URLPattern({ pathname: '/:id(\\d+)' }).hasRegExpGroups,
    inputs: () => new URLPattern({ pathname: '/a' }).exec('https://x.example/a').inputs,
  }),
};
