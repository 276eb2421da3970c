#pragma once
/*
 * An API server within the program, for trying things without a cluster: it
 * keeps objects in memory, behaves towards clients as a real one does, and runs
 * small controllers, so that workloads look alive. It is not for production. It
 * serves TLS on loopback, on a loop and a thread of its own.
 */
#include "base/err.h"

struct sandbox;
struct world;

struct sandbox_options {
    str address;      /* "127.0.0.1:0" */
    str tokens;       /* lines `token,user,uid,"group,group"`; empty: one admin, with a new token */
    str audit_path;   /* a log of requests; empty: none */
    str snapshot;     /* a file that all objects are read from, and written to at the end */
    bool no_pods_run; /* pods stay pending, for those who play the kubelet themselves */
};

MUST_USE err *sandbox_start(struct sandbox_options options, struct sandbox **out);
/* Writes the snapshot, and ends. */
MUST_USE err *sandbox_stop(struct sandbox *sandbox);
int sandbox_port(const struct sandbox *sandbox);
/* Faults that are made on purpose from now on, see fault.h; empty: none. Any thread. */
MUST_USE err *sandbox_make_faults(struct sandbox *sandbox, str rules);
/* What it holds, for those who look on from within the program. Its thread's. */
struct world *sandbox_world(struct sandbox *sandbox);
/* For an administrator: the first of the tokens, and the certificate to trust. */
str sandbox_kubeconfig(struct arena *a, const struct sandbox *sandbox);
