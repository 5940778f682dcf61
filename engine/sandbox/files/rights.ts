/** WASI preview 1, `rights`. */
export const RIGHT_READ = 1n << 1n;
export const RIGHT_WRITE = (1n << 6n) | (1n << 8n) | (1n << 22n);
export const RIGHTS = (1n << 29n) - 1n;
/** What makes wasi-libc take a character device for a terminal is that it lacks these. */
export const RIGHTS_TO_SEEK = (1n << 2n) | (1n << 5n);
