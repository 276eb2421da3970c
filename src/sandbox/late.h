#pragma once
/*
 * Answers that are held back for a while. Loop thread.
 */
#include "net/httpd.h"

struct late;

struct late *late_new(struct loop *loop);
/* What is still held back is answered now. */
void late_free(struct late *late);
/* Within the handler of the request: its answer, which is copied, goes out after the span. */
void late_answer(struct late *late, const struct httpd_request *request,
                 const struct httpd_answer *answer, int64_t span_ns);
