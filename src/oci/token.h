#pragma once
/*
 * Tokens of registries: the request to a token server, its answer, and what is
 * kept until it expires. Nothing here opens a connection.
 */
#include "net/http.h"
#include "oci/challenge.h"
#include "oci/keychain.h"

/* How a request proves who it is: one of the two, or nothing. */
struct token_proof {
    str bearer;
    str user, password;
};

/* INVALID unless the token server may be told our credentials: it has the registry's host, or its
 * name is in the same domain (two labels, three below the likes of co.uk), and it does not leave
 * TLS when the registry has it. */
MUST_USE err *token_check_realm(arena *a, str registry, bool tls, str realm);

/* For a token that reads `repository`. who may be NULL. Texts of *out are in the arena. */
void token_request(arena *a, const struct challenge *challenge, str repository,
                   const struct keychain_entry *who, struct http_request *out);
/* The answer's token and how long it lasts. INVALID when there is none. */
MUST_USE err *token_read(arena *a, str body, str *token_out, int64_t *lifetime_ns_out);

/* ---- What is kept: proofs by a key, at most LIMIT_OCI_TOKENS. [any] ---- */

struct tokens;
struct tokens *token_new(void);
void token_free(struct tokens *tokens);
/* False when nothing is kept that is still good. */
bool token_recall(struct tokens *tokens, arena *a, str key, struct token_proof *out);
void token_remember(struct tokens *tokens, str key, const struct token_proof *proof,
                    int64_t until_ns); /* clock_now_ns */
void token_forget(struct tokens *tokens, str key);
