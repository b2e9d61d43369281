// Code from strings: taken away from handlers, and used once, to load them.
//
// A handler's module in script form is evaluated, which takes a fraction of the time of a blob: URL and its import. For
// that the isolate's policy allows it; so what handlers could reach of it goes: `eval`, and the constructors of every
// kind of function. What stands in their place is no proxy and knows nothing of them.

import { defineGlobal } from './intrinsics.js';

// These throw where they fail: then the isolate must not start.
const { defineProperty, getPrototypeOf, setPrototypeOf } = Object;
const NativeEvalError = EvalError;
/** Under another name it evaluates in the global scope, and sees nothing of this module. */
const evaluate = eval;

/**
 * The function that a module in script form is: called without a receiver, it gives a promise of the exports.
 *
 * @param {string} name as in stack traces
 * @param {string} source
 * @param {[start: number, end: number, text: string][]} edits in order; offsets are in UTF-16 units
 */
export function compileScript(name, source, edits) {
  let script = '';
  let at = 0;
  for (const [start, end, text] of edits) {
    script += source.slice(at, start) + text;
    at = end;
  }
  return evaluate(`${script}${source.slice(at)}\n//# sourceURL=${name}`);
}

const refuse = () => {
  throw new NativeEvalError('Code generation from strings disallowed for this context');
};

/** Stands for a constructor of functions: same name, same prototype, and makes nothing. */
function refusing(Native) {
  const { name, prototype } = Native;
  const { [name]: guarded } = { [name]: function (_code) { refuse(); } };
  defineProperty(guarded, 'prototype', { __proto__: null, value: prototype, writable: false });
  defineProperty(prototype, 'constructor', { __proto__: null, value: guarded });
  return guarded;
}

/** Refuses as Workers do. `instanceof Function` and the prototypes of functions stay what they are. */
export function guardCodeGeneration() {
  defineGlobal('eval', { eval(_code) { return refuse(); } }.eval);
  const kinds = [async () => {}, function* () {}, async function* () {}].map((made) => getPrototypeOf(made).constructor);
  const guarded = refusing(Function);
  defineGlobal('Function', guarded);
  // They inherit from `Function`, too.
  for (const Native of kinds) setPrototypeOf(refusing(Native), guarded);
}
