/** What the shop finds in `env`. */
export interface Env {
  GREETING: string;
  LIMITS: { items: number };
  CARTS: KVNamespace;
  DB: D1Database;
  ASSETS: Fetcher;
  API_KEY?: string;
  SECOND_KEY?: string;
}
