// Where a tenant's code runs: in a frame of an origin of its own, or in one without any origin. Pure.
//
// Both are shut in alike. An origin of its own also gives the tenant a renderer process of its own, and a way to notice
// at once that an isolate died; opaque frames of one page share one process, apart from the page's.

const LOOPBACK = new Set(['127.0.0.1', 'localhost', '[::1]']);

/**
 * What an iframe needs to be the sandbox of a tenant.
 *
 * @typedef {object} Sandbox
 * @property {'origin'|'opaque'} mode
 * @property {string} src of the frame's document
 * @property {string} origin as messages from the frame show it; "null" where it has none
 * @property {string} allow tokens of the iframe's `sandbox` attribute
 */

/**
 * The sandbox without an origin: the document is served by the page's own host, and neither the iframe's attribute nor
 * the document's own policy lets it keep that origin.
 *
 * @param {string} hash of the isolate's files
 * @param {Location|URL} location of this page
 * @returns {Sandbox}
 */
export function opaqueSandbox(hash, location) {
  return {
    mode: 'opaque', src: `${location.origin}/_mesh/isolate/${hash}/opaque.html`, origin: 'null', allow: 'allow-scripts',
  };
}

/**
 * The best sandbox there is for a tenant.
 *
 * @param {string} tenant a DNS label of at most 50 characters
 * @param {{hash: string, location: Location|URL, domain: string}} site `domain` is the gateway's sandbox domain,
 *   perhaps with a port, or empty
 * @returns {Sandbox|null} null for a name that is no tenant's
 */
export function sandboxFor(tenant, { hash, location, domain }) {
  if (!/^[a-z0-9](?:[a-z0-9-]{0,48}[a-z0-9])?$/.test(tenant)) return null;
  const host = hostFor(tenant, location, domain);
  if (host === null || new URLSearchParams(location.search).get('isolation') === 'opaque') {
    return opaqueSandbox(hash, location);
  }
  const origin = `${location.protocol}//${host}`;
  const src = `${origin}/_mesh/isolate/${hash}/frame.html`;
  return { mode: 'origin', src, origin, allow: 'allow-scripts allow-same-origin' };
}

/** Host and port of a tenant's own origin; null where there is none. */
function hostFor(tenant, location, domain) {
  const port = location.port === '' ? '' : `:${location.port}`;
  const isLoopback = LOOPBACK.has(location.hostname);
  // A public domain leads elsewhere than to this machine's gateway; `*.localhost` always leads here.
  if (isLoopback && !/(?:^|\.)localhost(?::\d+)?$/.test(domain)) return `sandbox-${tenant}.localhost${port}`;
  if (domain === '') return null;
  return `${tenant}.${domain}${domain.includes(':') ? '' : port}`;
}
