//! The API as clients of Cloudflare see it.
