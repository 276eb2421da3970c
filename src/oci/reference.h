#pragma once
/*
 * Names of images: "ghcr.io/org/app:1.2@sha256:...". The rules are those of the
 * reference (go-containerregistry, weak validation). Texts are borrowed, or in
 * the arena. Pure; any thread.
 */
#include "base/arena.h"
#include "base/err.h"

struct reference {
    str registry;   /* "index.docker.io", "localhost:5000" */
    str repository; /* "library/alpine" */
    str tag;        /* empty: none was written */
    str digest;     /* "sha256:...", or empty */
};

/* INVALID "could not parse reference: TEXT". */
MUST_USE err *reference_parse(arena *a, str text, struct reference *out);
/* The name of a repository alone, as in ImageRepository.spec.image: no scheme, no tag. The errors
 * are the reference's and say what to remove. */
MUST_USE err *reference_parse_repository(arena *a, str text, struct reference *out);
/* registry + "/" + repository */
str reference_name(arena *a, const struct reference *reference);
/* May this registry be asked without TLS: localhost, 127.0.0.1, ::1 and private IPv4 networks. */
bool reference_is_local(str registry);
/* "sha256:" and 64 lower-case hex digits. */
bool reference_digest_is_valid(str digest);
bool reference_tag_is_valid(str tag);
