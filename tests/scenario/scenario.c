/*
 * scenario [--seeds FROM-TO] [--jobs N] [--first] [--tell | --here]: plays a story per seed, each
 * in a process of its own, and ends with the counts that tests/check reads.
 * --tell says every step, --here plays in this very process, for a debugger.
 * SCENARIO_LOG=1 prints the log of the operators among the steps, and
 * SCENARIO_TRACE=FILE keeps every request, change and turn of the baton.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/fs.h"
#include "scenario/baton.h"
#include "scenario/stage.h"
#include "scenario/story.h"

enum { SEEDS_MAX = 1000000, JOBS_MAX = 64, REAL_S_MAX = 120 };
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SEEDS = 50 };
#else
enum { SEEDS = 500 };
#endif

struct options {
    int64_t from, to;
    int jobs;
    bool tells;
    bool first; /* no more seeds after one that is broken */
    bool here;  /* the first seed, in this very process: for a debugger */
};

static arena memory;
static str folder, snapshot;

static bool parse(int argc, char **argv, struct options *o)
{
    for (int i = 1; i < argc; i++) {
        str word = str_of(argv[i]), from, to;
        int64_t number;
        if (str_is(word, "--tell")) {
            o->tells = true;
        } else if (str_is(word, "--first")) {
            o->first = true;
        } else if (str_is(word, "--here")) {
            o->here = o->tells = true;
        } else if (str_is(word, "--jobs") && i + 1 < argc) {
            if (!str_to_int(str_of(argv[++i]), &number) || number < 1 || number > JOBS_MAX)
                return false;
            o->jobs = (int)number;
        } else if (str_is(word, "--seeds") && i + 1 < argc) {
            if (!str_cut(str_of(argv[++i]), '-', &from, &to)) to = from;
            if (!str_to_int(from, &o->from) || !str_to_int(to, &o->to)) return false;
        } else {
            return false;
        }
    }
    return o->from >= 0 && o->from <= o->to && o->to - o->from < SEEDS_MAX;
}

static void play(int64_t seed, const struct options *o, struct story_result *result)
{
    str own = str_printf(&memory, STR_FMT "/%lld", STR_ARG(folder), (long long)seed);
    err *e = fs_make_dirs(own, 0700);
    must(!e);
    alarm(REAL_S_MAX); /* a story that never ends is a bad one */
    *result = story_run((uint64_t)seed, own, snapshot, o->tells);
    _exit(0); /* threads that were killed are still there */
}

/* Once for all: an API server with our kinds. */
static bool furnish(void)
{
    snapshot = str_concat(&memory, folder, STR("/snapshot.json"));
    pid_t child = fork();
    if (child == 0) {
        baton_start(1);
        stage_furnish(folder, snapshot);
        _exit(0);
    }
    int status;
    return waitpid(child, &status, 0) == child && status == 0;
}

struct job {
    pid_t child;
    int64_t seed;
};

static bool report(const struct job *job, int status, const struct story_result *result)
{
    bool ended = WIFEXITED(status) && WEXITSTATUS(status) == 0;
    str own = str_printf(&memory, STR_FMT "/%lld", STR_ARG(folder), (long long)job->seed);
    err *e AUTO(err_done) = fs_remove_tree(own);
    if (ended && result->good) return true;
    printf("seed %lld: %s\n", (long long)job->seed,
           ended                                                ? result->complaint
           : WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM ? "it does not end"
                                                                : "the program aborted");
    fflush(stdout);
    return false;
}

static struct job *job_of(struct job *jobs, int count, pid_t child)
{
    for (int i = 0; i < count; i++) {
        if (jobs[i].child == child) return &jobs[i];
    }
    return NULL;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int run(const struct options *o)
{
    struct job jobs[JOBS_MAX] = {0};
    size_t bytes = sizeof(struct story_result) * (size_t)(o->to - o->from + 1);
    struct story_result *results =
        mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    must(results != MAP_FAILED);
    if (o->here) play(o->from, o, results);
    int running = 0, passed = 0, failed = 0;
    double begun = now(), simulated_s = 0;
    uint64_t requests = 0, decisions = 0, digest = 0;
    int64_t last = o->to;
    for (int64_t seed = o->from; seed <= last || running;) {
        if (seed <= last && running < o->jobs) {
            struct job *job = job_of(jobs, o->jobs, 0);
            *job = (struct job){fork(), seed};
            if (job->child == 0) play(seed, o, &results[seed - o->from]);
            must(job->child > 0);
            running++;
            seed++;
            continue;
        }
        int status;
        struct job *job = job_of(jobs, o->jobs, wait(&status));
        if (!job) continue;
        const struct story_result *result = &results[job->seed - o->from];
        bool good = report(job, status, result);
        passed += good;
        failed += !good;
        if (!good && o->first) last = 0;
        simulated_s += (double)result->simulated_ns / 1e9;
        requests += result->requests;
        decisions += result->decisions;
        digest ^= result->digest * (uint64_t)(job->seed * 2 + 1);
        job->child = 0;
        running--;
    }
    double took = now() - begun;
    printf("%.0f simulated hours in %.1f s (%.1f a second), %llu requests, %llu decisions, "
           "digest %016llx\n",
           simulated_s / 3600, took, simulated_s / 3600 / took, (unsigned long long)requests,
           (unsigned long long)decisions, (unsigned long long)digest);
    printf("[  PASSED  ] %d test(s).\n", passed);
    if (failed) printf("[  FAILED  ] %d test(s).\n", failed);
    return failed ? 1 : 0;
}

int main(int argc, char **argv)
{
    struct options options = {.from = 1, .to = SEEDS, .jobs = 2};
    if (!parse(argc, argv, &options)) {
        fprintf(stderr,
                "usage: scenario [--seeds FROM-TO] [--jobs N] [--first] [--tell | --here]\n");
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    str place = fs_is_dir(STR("/dev/shm")) ? STR("/dev/shm") : STR("/tmp");
    err *e = fs_temp_dir(&memory, place, STR("fixpoint-scenario-"), &folder);
    must(!e);
    int status = 1;
    if (furnish())
        status = run(&options);
    else
        printf("the snapshot could not be made\n[  FAILED  ] 1 test(s).\n");
    e = fs_remove_tree(folder);
    err_free(e);
    return status;
}
