#pragma once
/* Base64, standard alphabet (RFC 4648 section 4) and the URL one (section 5). */
#include "base/err.h"

str b64_encode(struct arena *a, str bytes);
str b64_encode_url(struct arena *a, str bytes); /* without padding */
/* Line breaks are passed over, as Go and Kubernetes do; anything else out of place is an error that
 * names the offset and never the text. The URL form takes both padded and unpadded text. */
MUST_USE err *b64_decode(struct arena *a, str text, str *out);
MUST_USE err *b64_decode_url(struct arena *a, str text, str *out);
