// Lets WebAssembly's streaming compilers do the fetching.
import { probes } from './lib/attack.js';

export default probes(({ trap }) => ({
  compile: () => WebAssembly.compileStreaming(fetch(trap)),
  instantiate: () => WebAssembly.instantiateStreaming(fetch(trap), {}),
  thenable: () => WebAssembly.compileStreaming({ then: (done) => done(new Request(trap)) }),
  redirect: () => WebAssembly.compileStreaming(Response.redirect(trap)),
}));
