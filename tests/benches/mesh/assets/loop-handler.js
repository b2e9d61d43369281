import module from './loop.wasm';
import { answer } from './loop.mjs';

export default { fetch: (request) => answer(module, request) };
