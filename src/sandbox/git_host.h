#pragma once
/*
 * Serves one bare repository over smart HTTP on loopback, for reading: what the
 * operator needs to pull from it. Git itself answers (`git http-backend`); a
 * worker of the pool runs it. Whoever asks needs the password, because other
 * users of the machine reach loopback, too.
 */
#include "base/loop.h"
#include "base/pool.h"

#define GIT_HOST_USER "sandbox"

struct git_host;

struct git_host_options {
    struct loop *loop; /* runs on another thread */
    struct pool *pool;
    str repository; /* its folder */
    str password;
};

MUST_USE err *git_host_start(struct git_host_options options, struct git_host **out);
/* Closes the port; a job of the pool may be under way until that is freed. */
void git_host_stop(struct git_host *host);
void git_host_free(struct git_host *host); /* after the pool and the loop's thread */
str git_host_url(const struct git_host *host);
