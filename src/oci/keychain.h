#pragma once
/*
 * Credentials as docker keeps them: a map from registries, or parts of their
 * repositories, to users. From Secrets of the types
 * kubernetes.io/dockerconfigjson and kubernetes.io/dockercfg. Plain data in an
 * arena; immutable once filled. Errors never quote what was read.
 */
#include "base/arena.h"
#include "doc/doc.h"

struct keychain_entry {
    str host, path; /* "registry.example.com:5000", "*.example.com"; "" or "team/app" */
    str user, password;
    str identity_token; /* to be exchanged for a token */
    str registry_token; /* a token as it is */
};

struct keychain {
    struct keychain_entry *entries;
    size_t count, room;
};

/* Adds the entries of one file. `legacy`: the map itself, without "auths" around it. */
MUST_USE err *keychain_add(arena *a, struct keychain *keychain, str json, bool legacy);
/* Adds those of a Secret of either type; INVALID when it is of another one. */
MUST_USE err *keychain_add_secret(arena *a, struct keychain *keychain, const node *secret);
/* Who to be at a registry for a repository: of the entries that fit, the one whose text is the last
 * in the order of bytes, so that a longer path goes first. NULL: nobody. */
const struct keychain_entry *keychain_find(const struct keychain *keychain, str registry,
                                           str repository);
