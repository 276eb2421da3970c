#pragma once
/*
 * URLs as texts: split, escape, and strip what may be secret. Any thread.
 *
 * The reader is strict, so that no other reader of the same text (libcurl, git,
 * a shell) can see another host in it: visible ASCII only, no backslash, one
 * '@' at most, a host of letters, digits, '.', '-' and '_' or an IPv6 address
 * in brackets. Its errors never repeat the text, which may hold a password.
 */
#include "base/err.h"

struct url {
    str scheme;         /* as written; compare without case */
    str user, password; /* still percent-encoded, as is all that follows the port */
    str host;           /* never empty; without brackets */
    str port;           /* empty, or 1 to 65535 */
    str path;           /* empty, or from '/' on */
    str query, fragment;
};

/* Views of text. INVALID when it is not scheme://host... */
MUST_USE err *url_parse(str text, struct url *out);
/* The port written or the usual one of http, https, ssh and git; 0 for other schemes. */
int url_port(const struct url *url);
/* "host:443", "[::1]:80": for messages and for telling servers apart; in lower case. */
str url_host_port(struct arena *a, const struct url *url);
/* Without user info, query and fragment: fit for logs and conditions. A text that is no URL becomes
 * "(invalid URL)". */
str url_redact(struct arena *a, str text);

/* For a path segment or a query value: all but the unreserved characters of RFC 3986. */
str url_escape(struct arena *a, str part);
/* INVALID for a '%' that two hexadecimal digits do not follow, and for %00. A '+' stays one. */
MUST_USE err *url_unescape(struct arena *a, str part, str *out);
