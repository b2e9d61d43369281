// Errors: what their text and stacks look like to code that reads them.
import { probe } from './lib/probe.js';
export default {
  fetch: () => probe({
    message: () => { try { null.x; } catch (e) { return e.message; } },
    notFunction: () => { try { ({}).x(); } catch (e) { return e.message; } },
    undefinedName: () => { try { nothingHere; } catch (e) { return e.message; } },
    json: () => { try { JSON.parse('{'); } catch (e) { return e.message; } },
    stackHasName: () => { function myFunction() { return new Error('x').stack; } return myFunction().includes('myFunction'); },
    stackLimit: () => Error.stackTraceLimit,
    captureStack: () => { const o = {}; Error.captureStackTrace(o); return typeof o.stack; },
    prepare: () => { Error.prepareStackTrace = (_, sites) => sites.length > 0; const s = new Error('x').stack; Error.prepareStackTrace = undefined; return s; },
  }),
};
