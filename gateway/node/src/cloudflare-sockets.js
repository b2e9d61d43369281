// The module `cloudflare:sockets`, so that packages load that can do without.

/** @throws {Error} always: tabs reach no network, and the gateway speaks HTTP for them. */
export function connect() {
  throw new Error('connect() of cloudflare:sockets is not available on Tabmesh: handlers open no TCP sockets; use fetch');
}

export default { connect };
