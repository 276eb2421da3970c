#pragma once
/*
 * What a scenario plays on, all in this process: the API server of the sandbox,
 * a Git host, a user with a client of their own, and operators, each as if it
 * were a process: started with `fixpoint run`, stopped, or killed at any moment.
 */
#include "kube/kube.h"
#include "sandbox/sandbox.h"
#include "scenario/wire.h"

enum { STAGE_OPERATORS = 2, STAGE_GIT_PORT = 8080 };
#define STAGE_GIT_URL "http://127.0.0.1:8080/fleet.git"

/* `folder` is for files and is the caller's; the objects of `snapshot` are there already. */
void stage_start(str folder, str snapshot);
/* An API server with our kinds and namespaces, for stage_start: makes the snapshot and ends the
 * stage. */
void stage_furnish(str folder, str snapshot);
struct sandbox *stage_sandbox(void);
struct kube *stage_kube(void); /* of the user */

void stage_operator_start(int which);
bool stage_operator_runs(
    int which); /* it may have ended by itself, as one does that lost the lease */
void stage_operator_stop(int which); /* SIGTERM, and until it is gone */
void stage_operator_kill(int which);
/* Kills it within, or right before, the so-many-th thing it sends or writes. */
void stage_operator_kill_at(int which, int io);
void stage_operator_forget(int which); /* its disk is empty at the next start */
int stage_operator_group(int which);
void stage_disk_full(int which, bool full);
void stage_faults(str rules);                    /* of the API server, for operators: user=admin */
void stage_weather(struct wire_weather weather); /* for the requests of all operators */
