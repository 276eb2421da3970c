/*
 * How fast a folder becomes objects. Usage: kustomize FOLDER SECONDS; prints
 * "OBJECTS RUNS MILLISECONDS": the objects of one build, the builds done in the
 * time, and the time of one.
 */
#include <stdio.h>

#include "base/clock.h"
#include "render/kustomize.h"

static err *measure(str folder, int64_t limit_ns, struct tree **tree)
{
    TRY(tree_open(folder, tree));
    int64_t begun_ns = clock_now_ns(), spent_ns = 0;
    size_t runs = 0, objects = 0;
    for (; spent_ns < limit_ns; runs++) {
        arena a AUTO(arena_done) = {0};
        struct kustomize_output output;
        str text;
        TRY(kustomize_build(&a, *tree, STR("/"), &KUSTOMIZE_COMMAND, &output));
        TRY(kustomize_text(&a, &output, &text));
        objects = output.count;
        spent_ns = clock_now_ns() - begun_ns;
    }
    printf("%zu %zu %.3f\n", objects, runs, (double)spent_ns / (double)runs / (double)CLOCK_MS);
    return NULL;
}

int main(int argc, char **argv)
{
    int64_t seconds;
    must(argc == 3 && str_to_int(str_of(argv[2]), &seconds));
    struct tree *tree AUTO(tree_unref_done) = NULL;
    err *e AUTO(err_done) = measure(str_of(argv[1]), seconds * CLOCK_SECOND, &tree);
    if (e) fprintf(stderr, "%s\n", e->message);
    return e != NULL;
}
