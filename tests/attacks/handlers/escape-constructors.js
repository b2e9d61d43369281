// Makes code from text: eval, the Function constructors, timers with strings, data: modules.
import { probes } from './lib/attack.js';

const AsyncFunction = (async () => {}).constructor;
const GeneratorFunction = (function* empty() {}).constructor;
const AsyncGeneratorFunction = (async function* empty() {}).constructor;

export default probes(() => ({
  eval: () => eval('1'),
  indirect: () => (0, eval)('1'),
  Function: () => new Function('return 1')(),
  ofConstructor: () => Object.constructor('return 1')(),
  AsyncFunction: () => new AsyncFunction('return 1')(),
  GeneratorFunction: () => new GeneratorFunction('yield 1')().next(),
  AsyncGeneratorFunction: () => new AsyncGeneratorFunction('yield 1')().next(),
  inherited: () => Object.getPrototypeOf(AsyncFunction)('return 1')(),
  subclass: () => new (class extends Function {})('return 1')(),
  reflect: () => Reflect.construct(Function, ['return 1'])(),
  timer: () => new Promise((done) => {
    globalThis.evilDone = done;
    setTimeout('evilDone(1)');
  }),
  dataModule: () => import('data:text/javascript,export default 1'),
  realm: () => new ShadowRealm().evaluate('1'),
}));
