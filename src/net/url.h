#pragma once
/* URLs as texts: split, escape, and strip what may be secret. Any thread. */
#include "base/err.h"

struct url {
    str scheme, user, password, host, port, path, query, fragment; /* views; host without brackets */
};

MUST_USE err *url_parse(str text, struct url *out);
/* Without user info, query and fragment: fit for logs and conditions. */
str url_redact(struct arena *a, str text);
str url_escape(struct arena *a, str part);       /* path segment or query value (RFC 3986 unreserved stay) */
MUST_USE err *url_unescape(struct arena *a, str part, str *out);
