// A self-signed certificate for the TLS row: P-256, localhost, valid until 2126. Embedded rather than made at start, so that
// the bench needs no openssl. The key protects nothing: it is published here.

export const KEY = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgB4M2WAh7OWe0tiwy
M8L/8rRYCorkvWIt69XwpdNhaRuhRANCAAR7+81pLSgee41ez7lM1wDxC4ESlRrG
XM5eXoFVINa+C4MA/eeaUhhjVqaRZUWqm0s6YbmfCB2p1tSXeEjrxJCD
-----END PRIVATE KEY-----
`;

export const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBmzCCAUGgAwIBAgIUehUq5pN4whVsSTs7PhUygZF2SY0wCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMTAxMzEwMFoYDzIxMjYxMDI4
MDEzMTAwWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAAR7+81pLSgee41ez7lM1wDxC4ESlRrGXM5eXoFVINa+C4MA/eeaUhhj
VqaRZUWqm0s6YbmfCB2p1tSXeEjrxJCDo28wbTAdBgNVHQ4EFgQUSkbbYWQcHrLw
GQms/d1XtENmjKkwHwYDVR0jBBgwFoAUSkbbYWQcHrLwGQms/d1XtENmjKkwDwYD
VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI
zj0EAwIDSAAwRQIhAO0x/qjLeyIGIBSW54mMVRccQZItcYeU5qz1heh8pja0AiAH
W01ag+ha0s8m0R/tJLXJdFAW8yzq642syeBMa/q3lA==
-----END CERTIFICATE-----
`;
