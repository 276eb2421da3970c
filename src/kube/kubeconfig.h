#pragma once
/*
 * Where the API server is and who we are: a kubeconfig, or the service account
 * of the pod. From a kubeconfig only inline data is taken; `exec`,
 * `auth-provider` and file references are refused by name unless allowed
 * (a tenant's kubeconfig must not read our files or run programs). Errors name
 * the entry and the field, and never quote a value. Any thread.
 */
#include "doc/doc.h"

struct kubeconfig {
    str server; /* https://host:port[/prefix] */
    str ca_pem, cert_pem, key_pem;
    str token, user, password;
    str token_file; /* in-cluster: read again before it expires; empty otherwise */
    str server_name, proxy;
    bool insecure;
    str impersonate; /* `as`; groups and extras to impersonate are refused */
    str namespace;   /* of the context; "default" when it has none */
};

struct kubeconfig_options {
    str context;         /* empty: current-context */
    bool allow_files;    /* certificate-authority, client-certificate, client-key, tokenFile */
    bool allow_exec;     /* no effect: no program is ever started */
    bool allow_insecure; /* insecure-skip-tls-verify */
    str folder;          /* what relative file names refer to */
};

MUST_USE err *kubeconfig_parse(arena *a, str text, struct kubeconfig_options options,
                               struct kubeconfig *out);
/* path (may list several, separated by ':', merged as kubectl does); files and insecure allowed. */
MUST_USE err *kubeconfig_load(arena *a, str path, str context, struct kubeconfig *out);
MUST_USE err *kubeconfig_in_cluster(arena *a, struct kubeconfig *out);
/* --kubeconfig, else $KUBECONFIG, else in-cluster, else ~/.kube/config. */
MUST_USE err *kubeconfig_default(arena *a, str path, str context, struct kubeconfig *out);
