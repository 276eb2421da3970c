#pragma once
/*
 * Small controllers that make workloads look alive: a Deployment gets a
 * ReplicaSet, that gets Pods, and so on for StatefulSets, DaemonSets (as on one
 * node) and Jobs; claims are bound. No pod runs anything. When pods run, they
 * are ready at once, and those of Jobs have succeeded; a pod with an image
 * whose tag contains "broken" never is. Loop thread.
 */
#include "base/loop.h"
#include "sandbox/world.h"

struct workloads;
struct workloads *workloads_new(struct world *world, struct loop *loop, bool pods_run);
void workloads_free(struct workloads *workloads);
