// node:util: the npm package `util`, which is Node.js's own, and from unenv what came to Node.js later.

import util from 'util-npm';
import * as newer from 'unenv/node/util';
import types from 'unenv/node/util/types';
import { isDeepStrictEqual } from './equal.js';

const stripVTControlCharacters = (text) => String(text).replace(/\u001b\[[0-9;?]*[ -/]*[@-~]/g, '');
const styleText = (_format, text) => String(text);
const toUSVString = (text) => String(text).toWellFormed();
const own = {
  ...newer.default, ...util, types, isDeepStrictEqual, stripVTControlCharacters, styleText, toUSVString,
};

export default own;
export const {
  TextDecoder, TextEncoder, MIMEType, MIMEParams, _extend, callbackify, debug, debuglog, deprecate, format, inherits, inspect,
  isArray, isBoolean, isBuffer, isDate, isError, isFunction, isNull, isNullOrUndefined, isNumber, isObject, isPrimitive,
  isRegExp, isString, isSymbol, isUndefined, log, promisify, aborted, formatWithOptions, getSystemErrorName, parseArgs, parseEnv,
} = own;
export { isDeepStrictEqual, stripVTControlCharacters, styleText, toUSVString, types };
